// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { FORGET_AFTER_MS, MOST_PARTICIPANTS } from "../../static/model/participants.js";
import { HISTORY, MOST_ACTIVITY, Store, initialState, reduce } from "../../static/model/store.js";
import { Page, at, check, heartbeat, log, match, status, track } from "./made.js";

describe("resuming", () => {
  test("a freshly loaded page asks for the last part of the log", () => {
    const page = new Page().polled(status(0, null, { events: log(5000) }));
    assert.equal(page.state.cursor, 5000 - HISTORY);
    assert.equal(new Page().polled(status(0, null, { events: log(3) })).state.cursor, 0);
  });

  test("what comes twice counts once", () => {
    const page = new Page().polled(status(0, null, { events: log(0) }));
    const one = match("Ann", 1);
    page.heard(one, one).heard(one);
    assert.equal(page.state.activity.length, 1);
    assert.equal(page.state.cursor, one.cursor);
  });

  test("a message of an unknown kind moves the cursor", () => {
    const state = reduce(initialState(0), { type: "messages", messages: [{ cursor: 9, event: null }], at: 0 });
    assert.deepEqual([state.cursor, state.activity.length], [9, 0]);
  });

  test("a log that began anew is read from its beginning, without what is known", () => {
    const page = new Page().polled(status(0, null, { events: log(0) }));
    const known = match("Ann", 1);
    page.heard({ ...known, cursor: 70 });
    page.polled(status(5, null, { events: log(1) }), 70);
    assert.deepEqual([page.state.cursor, page.state.logEpoch], [0, 1]);
    page.heard({ ...known, cursor: 1 }, { ...check("Ann", 6, "match"), cursor: 2 });
    assert.deepEqual(
      page.state.activity.map(({ event }) => event.type),
      ["check", "match"],
    );
  });

  test("when something was erased, on whatever page, the log is read again", () => {
    const page = new Page().polled(status(0, null, { events: log(5000) }));
    page.heard({ ...match("Ann", 1), cursor: 5001 }, { ...match("Bob", 2), cursor: 5002 });
    page.polled(status(3, null, { events: log(5002) }), 5002);
    assert.deepEqual([page.state.activity.length, page.state.logEpoch], [2, 0]);
    page.polled(status(4, null, { events: log(5002), erasures: 3 }), 5002);
    assert.deepEqual([page.state.activity.length, page.state.logEpoch, page.state.cursor], [0, 1, 4002]);
    page.heard({ ...match("Bob", 2), cursor: 5002 });
    page.polled(status(5, null, { events: log(5002), erasures: 3 }), 5002);
    assert.deepEqual([page.state.activity.length, page.state.logEpoch], [1, 1]);
    assert.deepEqual([...page.state.participants.keys()], ["Bob"]);
  });

  test("an answer that is older than the socket's news is no new log", () => {
    const page = new Page().polled(status(0, null, { events: log(0) }));
    page.heard({ ...match("Ann", 1), cursor: 8 });
    page.polled(status(2, null, { events: log(7) }), 7);
    assert.deepEqual([page.state.cursor, page.state.logEpoch], [8, 0]);
  });
});

describe("bounds", () => {
  test("the newest entries stay, newest first", () => {
    const page = new Page().polled(status(0, null, { events: log(0) }));
    page.heard(...Array.from({ length: MOST_ACTIVITY + 50 }, (_, second) => check("Ann", second, "no_match")));
    const { activity } = page.state;
    assert.equal(activity.length, MOST_ACTIVITY);
    assert.equal(activity[0]?.at, at(MOST_ACTIVITY + 49));
  });

  test("participants who are gone for long drop out", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    const later = FORGET_AFTER_MS / 1000;
    page.polled(status(later, heartbeat(later, [])));
    assert.equal(page.state.participants.size, 1);
    page.polled(status(later + 1, heartbeat(later + 1, [])));
    assert.equal(page.state.participants.size, 0);
  });

  test("a replay does not bring them back", () => {
    const later = FORGET_AFTER_MS / 1000 + 60;
    const page = new Page().polled(status(later, null));
    page.heard(check("Ann", 0, "no_match"), check("Bob", later - 60, "no_match"));
    assert.deepEqual([...page.state.participants.keys()], ["Bob"]);
    assert.equal(page.state.activity.length, 2);
  });

  test("a flood of names does not fill the page", () => {
    const tracks = Array.from({ length: MOST_PARTICIPANTS + 100 }, (_, index) => track(`P${index}`, "probe"));
    const page = new Page().polled(status(0, heartbeat(0, tracks)));
    assert.equal(page.state.participants.size, MOST_PARTICIPANTS);
  });

  test("tracks that come and go leave no answers behind", () => {
    const page = new Page().polled(status(0, null));
    for (let second = 0; second < 50; second += 1) {
      page.heard(check("Ann", second, "no_match", { track_sid: `TR_${second}` }));
    }
    assert.ok(Object.keys(page.state.participants.get("Ann")?.answers ?? {}).length <= 4);
  });
});

test("without an identity the name stands for it, and late names are taken", () => {
  const page = new Page().polled(status(0, null));
  page.heard(check("Ann", 1, "no_match", { participant_identity: null }));
  page.heard(check("Bob", 2, "no_match", { participant_name: "Bob Late" }));
  assert.deepEqual(
    page.cards(2).map(({ identity, name }) => [identity, name]),
    [
      ["Ann", "Ann"],
      ["Bob", "Bob Late"],
    ],
  );
});

test("names that are properties of every object are names", () => {
  const page = new Page().polled(status(0, null));
  page.heard(check("__proto__", 1, "match", { track_sid: "__proto__" }), check("constructor", 1, "no_face"));
  assert.deepEqual(
    page.cards(1).map(({ identity, state }) => [identity, state]),
    [
      ["__proto__", "match"],
      ["constructor", "no_face"],
    ],
  );
});

test("failed polls are counted from the first", () => {
  const page = new Page();
  page.state = reduce(page.state, { type: "status-failed", at: at(2) });
  page.state = reduce(page.state, { type: "status-failed", at: at(4) });
  assert.deepEqual(page.state.api, { failures: 2, since: at(2) });
  assert.equal(page.polled(status(6, null)).state.api.failures, 0);
});

test("listeners hear of changes only, until they leave", () => {
  const store = new Store(initialState(0));
  let calls = 0;
  const leave = store.subscribe(() => (calls += 1));
  store.dispatch({ type: "messages", messages: [], at: 0 });
  assert.equal(calls, 0);
  store.dispatch({ type: "messages", messages: [{ cursor: 1, event: null }], at: 0 });
  assert.equal(calls, 1);
  leave();
  store.dispatch({ type: "messages", messages: [{ cursor: 2, event: null }], at: 0 });
  assert.equal(calls, 1);
});
