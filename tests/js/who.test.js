// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";

import { ENDINGS, endingOf, isEnding } from "../../static/model/ending.js";
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
/** Who was signed in before that. @type {Who | null} */
let before = null;

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
    onEnded: (last) => {
      ended += 1;
      before = last;
    },
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
    const poll = await polling(who("viewer", "login"));
    answer = null;
    await pass(10);
    poll.again();
    await pass(600);
    assert.deepEqual([ended, asked, before?.role], [1, 2, "viewer"]);
  });

  test("a server that came back with keys is noticed as soon as it refuses something", async () => {
    const poll = await polling(who("admin", "local"));
    answer = null;
    poll.again();
    poll.again(); // while the first question is out
    await settled();
    assert.deepEqual([ended, asked, before?.by], [1, 2, "local"]);
  });

  test("asked out of turn, it goes on as before", async () => {
    const poll = await polling(who("viewer", "login"));
    await pass(6);
    poll.again();
    await settled();
    await pass(9);
    assert.equal(asked, 2);
    await pass(1);
    assert.equal(asked, 3);
  });
});

test("the sign-in page can say why, as far as the page knew", () => {
  const until = (/** @type {Who} */ one, /** @type {number} */ ms) => ({ ...one, expires_at: new Date(ms).toISOString() });
  assert.equal(endingOf(null, T0), null);
  assert.equal(endingOf(who("admin", "local"), T0), "keys");
  assert.equal(endingOf(until(who("viewer", "login"), T0 + 1), T0), "ended");
  assert.equal(endingOf(until(who("viewer", "login"), T0), T0), "expired");
  assert.equal(endingOf(until(who("participant", "login"), T0), T0), "invitation-expired");
  assert.equal(endingOf(who("participant", "login"), T0), "invitation-ended");
  assert.deepEqual([isEnding("keys"), isEnding("toString"), isEnding("")], [true, false, false]);
  assert.ok(Object.values(ENDINGS).every((words) => words.endsWith(".")));
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
