// @ts-check
/** What is said again is not another thing. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { same, sameOf } from "../../static/model/same.js";

test("what says the same stays the same object", () => {
  const before = { url: "/a", faces: [1, 2] };
  assert.equal(same(before, { url: "/a", faces: [1, 2] }), before);
  assert.ok(same(before, { url: "/a", faces: [1, 3] }) !== before);
  assert.equal(same(before, null), null);
  assert.equal(same(null, before), before);
});

test("of several each by itself, wherever it stands by now", () => {
  const [one, two] = [{ id: "1", looks: 36 }, { id: "2", looks: 1 }];
  const after = sameOf([one, two], [{ id: "3", looks: 36 }, { id: "2", looks: 2 }, { id: "1", looks: 36 }], ({ id }) => id);
  assert.deepEqual(after.map(({ id, looks }) => `${id}:${looks}`), ["3:36", "2:2", "1:36"]);
  assert.equal(after[2], one);
  assert.ok(after[1] !== two);
});
