// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { MOST_ASKED, allCards, asked, tabsOf } from "../../static/model/rooms.js";
import { reduce } from "../../static/model/store.js";
import { summaryOf } from "../../static/model/summary.js";
import { Page, at, check, heartbeat, iso, match, status, track } from "./made.js";

/** @import { RoomListed } from "../../static/types/model.js" */
/** @import { IdentityShown } from "../../static/types/people.js" */

const FAR = "r30";

/** @param {Partial<RoomListed>} [changes] of one of forty rooms, which is not asked about */
function rooms(changes = {}) {
  const names = ["room", ...Array.from({ length: 40 }, (_, number) => `r${number}`)];
  return names.map((room) => ({
    ...{ room, watched: true, participants: 3, matched: 0, matches: [], told_at: iso(0) },
    ...(room === FAR ? changes : {}),
  }));
}

/** @param {Partial<RoomListed>} [changes] */
function page(changes) {
  const told = new Page().polled(status(0, heartbeat(0, [track("Ann", "wait")])));
  return lists(told, changes);
}

/** @param {Page} told @param {Partial<RoomListed>} [changes] */
function lists(told, changes) {
  told.state = reduce(told.state, { type: "rooms", rooms: rooms(changes) });
  return told;
}

/** @param {Page} told @param {number} second @param {import("../../static/model/connection.js").Level} [level] */
function far(told, second, level = "live") {
  return allCards(told.state, at(second), level)
    .filter(({ room }) => room === FAR)
    .map(({ identity, state, who }) => [identity, state, who]);
}

/** @param {Page} told @param {number} second */
function answer(told, second) {
  const about = { level: /** @type {const} */ ("live"), silence: 0, hasReference: true, now: at(second) };
  return summaryOf(allCards(told.state, at(second), "live"), { ...about, rights: "look", recognizer: "ok" });
}

/** @param {string} room @param {string} state @returns {IdentityShown} */
function alarm(room, state) {
  return {
    ...{ room, participant_identity: "Eve", participant_id: "PA_Eve", participant_name: "Eve", state, detail: "stranger" },
    ...{ person_id: "p_1", person_name: "Alice", seen_person_id: null, seen_person_name: null, certainty: null },
  };
}

describe("a room that is not asked about", () => {
  test("a match in it is named as soon as the log says so", () => {
    const told = page().heard(match("Eve", 1, { room: FAR, person_id: "p_1", person_name: "Alice" }));
    assert.deepEqual(far(told, 1), [["Eve", "match", "Alice"]]);
    assert.deepEqual([answer(told, 1).title, answer(told, 1).about], ["Alice", `${FAR}/Eve`]);
    assert.deepEqual(far(told.heard(check("Eve", 11, "no_match", { room: FAR })), 11), []);
  });

  test("nothing is said of those who do not match", () => {
    assert.deepEqual(far(page().heard(check("Eve", 1, "no_match", { room: FAR })), 1), []);
  });

  test("the list names who matched before the page was there", () => {
    const matches = [track("Eve", "hold", { last_check_at: iso(-3) })];
    const told = page({ matched: 1, matches });
    assert.deepEqual(far(told, 1), [["Eve", "match", ""]]);
    assert.equal(told.state.others.get(FAR)?.participants.get("Eve")?.matchSince, at(-3));
    lists(told, { told_at: iso(5) });
    assert.deepEqual(far(told, 5), []);
  });

  test("what the log has said since counts more than the list", () => {
    const told = page().heard(check("Eve", 2, "no_match", { room: FAR }));
    lists(told, { matched: 1, matches: [track("Eve", "hold", { last_check_at: iso(-3) })] });
    assert.deepEqual(far(told, 3), []);
    told.heard(match("Bob", 4, { room: FAR }));
    lists(told, { told_at: iso(3) });
    assert.deepEqual(far(told, 4), [["Bob", "match", ""]]);
  });

  test("more than the list names stay as they were heard", () => {
    const told = page().heard(match("Eve", 1, { room: FAR }), match("Bob", 1, { room: FAR }));
    lists(told, { matched: 2, matches: [track("Eve", "hold")], told_at: iso(5) });
    assert.deepEqual(far(told, 6).map(([who]) => who).sort(), ["Bob", "Eve"]);
  });

  test("who matches in the first room has one card, whichever answer comes first", () => {
    const told = new Page();
    told.state = reduce(told.state, { type: "rooms", rooms: rooms() });
    told.heard(match("Ann", 1));
    told.polled(status(2, heartbeat(2, [track("Ann", "hold")])));
    const first = rooms().map((one) => (one.room === "room" ? { ...one, matched: 1, matches: [track("Ann", "hold")] } : one));
    told.state = reduce(told.state, { type: "rooms", rooms: first });
    told.heard(check("Ann", 3, "match"));
    assert.deepEqual(allCards(told.state, at(3), "live").map(({ key, state }) => [key, state]), [["room/Ann", "match"]]);
  });

  test("nobody watches it: nothing is known", () => {
    const told = page({ watched: false, told_at: null }).heard(match("Eve", 1, { room: FAR }));
    assert.deepEqual(far(told, 100), []);
  });

  test("the link counts all, and those who match", () => {
    const told = page({ matched: 1, matches: [track("Eve", "hold")] });
    const tab = tabsOf(told.state, allCards(told.state, at(1), "live"), at(1), "live").find(({ room }) => room === FAR);
    assert.deepEqual([tab?.participants, tab?.matched], [3, 1]);
  });

  test("an alarm in it is the answer until it is over", () => {
    const told = page();
    const elsewhere = { type: /** @type {const} */ ("alarms-elsewhere"), asked: new Set(["r0"]), at: at(1) };
    const all = [alarm(FAR, "unexpected"), alarm("r0", "unexpected"), alarm("room", "unexpected"), alarm("gone", "swapped")];
    told.state = reduce(told.state, { ...elsewhere, told: all });
    assert.deepEqual(far(told, 1).map(([who]) => who), ["Eve"]);
    assert.deepEqual([answer(told, 1).kind, answer(told, 1).about], ["alarm", `${FAR}/Eve`]);
    assert.equal(told.state.others.has("r0") || told.state.others.has("gone"), false);
    told.state = reduce(told.state, { ...elsewhere, told: [] });
    assert.deepEqual(far(told, 2), []);
  });
});

test("the list may come before it is known which room is the first", () => {
  const told = new Page();
  const matches = [track("Eve", "hold")];
  const all = rooms({ matched: 1, matches }).map((one) => (one.room === "room" ? { ...one, matched: 1, matches } : one));
  told.state = reduce(told.state, { type: "rooms", rooms: all });
  told.polled(status(1, heartbeat(1, [track("Eve", "hold")])));
  assert.deepEqual(far(told, 1), [["Eve", "match", ""]]);
  assert.deepEqual(allCards(told.state, at(1), "live").map(({ key }) => key), ["room/Eve", `${FAR}/Eve`]);
});

describe("which are asked about", () => {
  test("those with an alarm, then those where somebody matched, and it was not seen that it is over", () => {
    const told = page().heard(match("Eve", 1, { room: "r38" }), check("Eve", 11, "no_match", { room: "r38" }));
    told.state = reduce(told.state, { type: "alarms-elsewhere", asked: new Set(), at: at(1), told: [alarm("r39", "swapped")] });
    assert.deepEqual(asked(told.state, "r37").slice(0, 4), ["r37", "r39", "r38", "r0"]);
    assert.equal(asked(told.state, "").length, MOST_ASKED);
  });
});
