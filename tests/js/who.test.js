// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";

import { rightsOf } from "../../static/model/rights.js";
import { ApiError } from "../../static/net/api.js";
import { WhoPoll } from "../../static/net/who.js";
import { T0 } from "./made.js";

/** @import { Who } from "../../static/net/login.js" */

/** What the server says next; an error when it is away. @type {Who | null | Error} */
let answer = null;
let asked = 0;
let told = 0;
let ended = 0;

/**
 * @param {Who["role"]} role
 * @param {Who["by"]} by
 * @returns {Who}
 */
function who(role, by) {
  return { role, by, room: null, expires_at: null };
}

/** @param {Who | null | Error} first what the server says at first */
async function polling(first) {
  answer = first;
  const poll = new WhoPoll({
    fetchWho: async () => {
      asked += 1;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onEnded: () => (ended += 1),
  });
  poll.subscribe(() => (told += 1));
  await settled();
  return poll;
}

/** Everything that waits for an answer has it. */
async function settled() {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

/** @param {number} seconds */
async function pass(seconds) {
  mock.timers.tick(seconds * 1000);
  await settled();
}

const AWAY = new ApiError(0, "UNREACHABLE", "away");

describe("who looks at the page", () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: T0 });
    asked = told = ended = 0;
  });
  afterEach(() => mock.timers.reset());

  test("is asked once for all parts of the page, and in local mode never again", async () => {
    const poll = await polling(who("admin", "local"));
    poll.subscribe(() => (told += 1));
    await pass(600);
    assert.deepEqual([asked, told, poll.who?.role], [1, 1, "admin"]);
  });

  test("a login that has become another one is noticed", async () => {
    const poll = await polling(who("admin", "login"));
    answer = who("viewer", "login");
    await pass(9);
    assert.equal(poll.who?.role, "admin");
    await pass(1);
    assert.deepEqual([poll.who?.role, told], ["viewer", 2]);
  });

  test("nothing changes while the server is away", async () => {
    const poll = await polling(who("viewer", "login"));
    answer = AWAY;
    await pass(10);
    assert.deepEqual([poll.who?.role, told, ended], ["viewer", 1, 0]);
  });

  test("is asked again soon as long as it is not known", async () => {
    const poll = await polling(AWAY);
    assert.equal(poll.who, null);
    answer = who("viewer", "login");
    await pass(2);
    assert.deepEqual([poll.who?.role, told], ["viewer", 1]);
  });

  test("a login that has ended is told once, and nothing is asked any more", async () => {
    await polling(who("viewer", "login"));
    answer = null;
    await pass(10);
    await pass(600);
    assert.deepEqual([ended, asked], [1, 2]);
  });
});

test("only an admin may change anything, and nobody of whom it is not known", () => {
  assert.deepEqual(["admin", "viewer", "participant", "anything", null].map(rightsOf), [
    "change",
    "look",
    "look",
    "look",
    "unknown",
  ]);
});
