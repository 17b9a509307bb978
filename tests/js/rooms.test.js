// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { MOST_ASKED, allCards, asked, offerOf, tabsOf } from "../../static/model/rooms.js";
import { reduce } from "../../static/model/store.js";
import { Page, at, check, heartbeat, match, status, track } from "./made.js";

/** @param {string} room @param {Partial<import("../../static/types/model.js").RoomListed>} [changes] */
function listed(room, changes = {}) {
  return { room, watched: true, participants: 1, matched: 0, ...changes };
}

/** A page that knows of "room" and "second", with somebody called Ann in both. */
function page() {
  const told = new Page().polled(status(0, heartbeat(0, [track("Ann", "wait")])));
  told.state = reduce(told.state, { type: "rooms", rooms: [listed("room"), listed("second")] });
  return asks(told, 0);
}

/** @param {Page} told @param {number} second */
function asks(told, second) {
  const beat = heartbeat(second, [track("Ann", "wait")], { room: "second" });
  const answer = { status: status(second, beat, { room: "second" }), askedAt: at(second), receivedAt: at(second) };
  told.state = reduce(told.state, { type: "other-status", ...answer });
  return told;
}

/** @param {Page} told @param {number} second */
function states(told, second) {
  return allCards(told.state, at(second), "live").map(({ key, state }) => [key, state]);
}

describe("rooms to ask somebody into", () => {
  test("the one that is looked at is meant, else the first that is watched", () => {
    const { state } = page();
    const rooms = ["room", "second"];
    assert.deepEqual(offerOf(state, ""), { room: "room", rooms });
    assert.deepEqual(offerOf(state, "second"), { room: "second", rooms });
    assert.deepEqual(offerOf(state, "gone"), { room: "room", rooms });
  });

  test("where none is open, none is meant", () => {
    assert.deepEqual(offerOf(new Page().state, ""), { room: "", rooms: [] });
    const { state } = new Page().polled(status(0, heartbeat(0, [])));
    assert.equal(offerOf(reduce(state, { type: "rooms", rooms: [listed("other")] }), "").room, "other");
  });
});

describe("several rooms", () => {
  test("who has the same name in two rooms is two", () => {
    const told = page().heard(match("Ann", 1, { room: "second" }), check("Ann", 1, "no_match"));
    assert.deepEqual(states(told, 2), [
      ["room/Ann", "no_match"],
      ["second/Ann", "match"],
    ]);
  });

  test("their links say how many are in them, and where somebody was recognized", () => {
    const told = page().heard(match("Ann", 1, { room: "second" }));
    assert.deepEqual(
      tabsOf(told.state, allCards(told.state, at(2), "live"), at(2), "live").map(({ room, participants, matched }) => [
        room,
        participants,
        matched,
      ]),
      [
        ["", 2, 1],
        ["room", 1, 0],
        ["second", 1, 1],
      ],
    );
    assert.deepEqual(tabsOf(new Page().state, [], at(2), "live"), []);
  });

  test("one that is not asked about any more is no answer about now", () => {
    const told = page();
    told.polled(status(20, heartbeat(20, [track("Ann", "wait")])));
    assert.deepEqual(
      states(told, 20).map(([key]) => key),
      ["room/Ann"],
    );
  });

  test("one that is listed no more is forgotten", () => {
    const told = page();
    told.state = reduce(told.state, { type: "rooms", rooms: [listed("room")] });
    assert.deepEqual([...told.state.others.keys()], []);
  });

  test("of many, the one that is looked at and those with a match are asked about first", () => {
    const told = page();
    const many = Array.from({ length: 40 }, (_, number) => listed(`r${number}`, { matched: number === 30 ? 1 : 0 }));
    told.state = reduce(told.state, { type: "rooms", rooms: [listed("room"), ...many] });
    const wanted = asked(told.state, "r39");
    assert.deepEqual([wanted.slice(0, 3), wanted.length], [["r39", "r30", "r0"], MOST_ASKED]);
  });
});
