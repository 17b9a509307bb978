// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Lately } from "../../static/net/lately.js";

/** Nobody looks away, and the server answers what it is told to. @param {() => Response} answer */
function serving(answer) {
  /** @type {string[]} */
  const asked = [];
  const fetch = async (/** @type {string} */ path) => {
    asked.push(path);
    return answer();
  };
  Object.assign(globalThis, { document: { hidden: false }, fetch });
  return asked;
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

test("it asks when the log has grown, and then at most every few seconds, but at once about another room", async () => {
  const asked = serving(() => Response.json({ lines: [{ cursor: 7 }], next_before: 7 }));
  const lately = new Lately(() => {});
  lately.follow({ log: "1", room: "", limit: 50 }, 0);
  lately.follow({ log: "2", room: "", limit: 50 }, 1);
  await settled();
  await settled();
  assert.deepEqual([asked.length, lately.lines.length, lately.more, lately.loading], [1, 1, true, false]);
  lately.follow({ log: "1", room: "", limit: 50 }, 10_000);
  lately.follow({ log: "2", room: "", limit: 50 }, 1000);
  assert.equal(asked.length, 1);
  lately.follow({ log: "2", room: "", limit: 50 }, 3000);
  assert.equal(asked.length, 2);
  await settled();
  await settled();
  lately.follow({ log: "2", room: "red", limit: 50 }, 3001);
  assert.deepEqual([asked.length, lately.lines.length, lately.loading], [3, 0, true]);
  assert.match(asked[2] ?? "", /room=red/);
});

test("when it cannot be read that is said, and it is asked again", async () => {
  let broken = true;
  const refusal = { error: "It cannot be read now.", code: "STORAGE_FAILED" };
  const asked = serving(() => (broken ? Response.json(refusal, { status: 503 }) : Response.json({ lines: [], next_before: null })));
  const lately = new Lately(() => {});
  lately.follow({ log: "1", room: "", limit: 50 }, 0);
  await settled();
  await settled();
  assert.ok(lately.trouble !== "");
  broken = false;
  lately.follow({ log: "1", room: "", limit: 50 }, 3000);
  await settled();
  await settled();
  assert.deepEqual([asked.length, lately.trouble], [2, ""]);
});
