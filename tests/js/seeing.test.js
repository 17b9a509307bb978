// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { SHOWN_MS, Seeing } from "../../static/model/seeing.js";

test("seen is what was in view for a while before somebody moved", () => {
  const seeing = new Seeing();
  assert.deepEqual(seeing.moved(0), []);
  seeing.look(["Ann"], 1000);
  seeing.look(["Ann", "Bob"], 2000);
  assert.deepEqual(seeing.moved(1000 + SHOWN_MS - 1), []);
  assert.deepEqual(seeing.moved(1000 + SHOWN_MS), ["Ann"]);
  assert.deepEqual(seeing.moved(2000 + SHOWN_MS), ["Ann", "Bob"]);
});

test("what was out of view in between is shown anew", () => {
  const seeing = new Seeing();
  seeing.look(["Ann"], 0);
  seeing.look([], 500);
  seeing.look(["Ann"], 1000);
  assert.deepEqual(seeing.moved(SHOWN_MS), []);
  assert.deepEqual(seeing.moved(1000 + SHOWN_MS), ["Ann"]);
});
