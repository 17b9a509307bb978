// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { FORGET_AFTER_MS, MOST_PEOPLE } from "../../static/model/people.js";
import { HISTORY, MOST_ACTIVITY, Store, initialState, reduce } from "../../static/model/store.js";
import { Page, at, check, heartbeat, iso, log, match, status, track } from "./made.js";

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
    const state = reduce(initialState(0), { type: "messages", messages: [{ cursor: 9, event: null }] });
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
    assert.deepEqual([...page.state.people.keys()], ["Bob"]);
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

  test("people who are gone for long drop out", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    const later = FORGET_AFTER_MS / 1000;
    page.polled(status(later, heartbeat(later, [])));
    assert.equal(page.state.people.size, 1);
    page.polled(status(later + 1, heartbeat(later + 1, [])));
    assert.equal(page.state.people.size, 0);
  });

  test("a replay does not bring them back", () => {
    const later = FORGET_AFTER_MS / 1000 + 60;
    const page = new Page().polled(status(later, null));
    page.heard(check("Ann", 0, "no_match"), check("Bob", later - 60, "no_match"));
    assert.deepEqual([...page.state.people.keys()], ["Bob"]);
    assert.equal(page.state.activity.length, 2);
  });

  test("a flood of names does not fill the page", () => {
    const tracks = Array.from({ length: MOST_PEOPLE + 100 }, (_, index) => track(`P${index}`, "probe"));
    const page = new Page().polled(status(0, heartbeat(0, tracks)));
    assert.equal(page.state.people.size, MOST_PEOPLE);
  });

  test("tracks that come and go leave no answers behind", () => {
    const page = new Page().polled(status(0, null));
    for (let second = 0; second < 50; second += 1) {
      page.heard(check("Ann", second, "no_match", { track_sid: `TR_${second}` }));
    }
    assert.ok(Object.keys(page.state.people.get("Ann")?.answers ?? {}).length <= 4);
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
  store.dispatch({ type: "messages", messages: [] });
  assert.equal(calls, 0);
  store.dispatch({ type: "messages", messages: [{ cursor: 1, event: null }] });
  assert.equal(calls, 1);
  leave();
  store.dispatch({ type: "messages", messages: [{ cursor: 2, event: null }] });
  assert.equal(calls, 1);
});

describe("erased", () => {
  test("who was erased is gone from the cards and from the list", () => {
    const page = new Page().polled(status(0, null, { events: log(0) }));
    page.heard(match("Ann", 1), check("Ann", 1, "match"), match("Bob", 2));
    const { cursor } = page.state;
    page.state = reduce(page.state, { type: "erased", erased: { identity: "Ann" } });
    assert.deepEqual([...page.state.people.keys()], ["Bob"]);
    assert.deepEqual(
      page.state.activity.map((entry) => entry.event.participant_identity),
      ["Bob"],
    );
    assert.equal(page.state.cursor, cursor);
  });

  /** @param {Page} page that has seen two references: what is left of it once the second was erased */
  function withoutSecond(page) {
    page.state = reduce(page.state, { type: "erased", erased: { referenceId: "ref-2" } });
  }
  const second = { reference_id: "ref-2" };

  test("what was made with an erased reference is gone from the list, and nothing else", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "hold"), track("Bob", "wait")])));
    page.heard(match("Ann", 1), check("Bob", 1, "no_match", { reference_id: null }));
    page.heard(match("Ann", 5, second), check("Ann", 5, "match", second), check("Bob", 6, "no_match", second));
    const { cursor } = page.state;
    withoutSecond(page);
    assert.deepEqual(
      page.state.activity.map(({ at, event }) => [event.participant_name, at, event.reference_id]),
      [
        ["Bob", at(1), null],
        ["Ann", at(1), "ref-1"],
      ],
    );
    assert.equal(page.state.cursor, cursor);
  });

  test("a card keeps neither its answer nor its snapshot, and falls back to the last match that is left", () => {
    const reference = { id: "ref-2", updated_at: iso(-50), url: "/reference/current.jpg" };
    const tracks = [track("Ann", "hold"), track("Bob", "hold")];
    const page = new Page().polled(status(0, heartbeat(0, tracks), { reference }));
    const first = match("Ann", 1);
    page.heard(first, match("Ann", 5, second), check("Ann", 5, "match", second), match("Bob", 5, second));
    assert.equal(page.card("Ann", 6).matchSince, at(1));
    withoutSecond(page);
    const [ann, bob] = [page.card("Ann", 6), page.card("Bob", 6)];
    assert.deepEqual([ann.state, ann.score, ann.lastCheckAt, ann.matchSince], ["looking", null, null, null]);
    assert.equal(ann.lastMatch, first);
    assert.deepEqual([bob.state, bob.lastMatch, bob.match], ["looking", null, null]);
  });

  test("the answer of a batch that compared with another reference stays", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "hold")])));
    page.heard(match("Ann", 1, second), match("Ann", 5), check("Ann", 5, "match"));
    const before = page.state.people.get("Ann");
    withoutSecond(page);
    assert.equal(page.state.people.get("Ann"), before);
    assert.equal(page.card("Ann", 6).state, "match");
  });

  test("who has left goes with the last that was known of them", () => {
    const page = new Page().polled(status(0, null, { events: log(0) }));
    page.heard(match("Gone", 1, second), match("Known", 1), match("Known", 2, second), match("Here", 3, second));
    page.polled(status(10, heartbeat(10, [track("Here", "idle")])));
    withoutSecond(page);
    assert.deepEqual([...page.state.people.keys()], ["Known", "Here"]);
  });
});
