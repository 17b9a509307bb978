// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { reuse } from "../../static/model/cards.js";
import { reduce } from "../../static/model/store.js";
import { Page, at, check, heartbeat, iso, match, status, track } from "./made.js";

describe("the answer", () => {
  test("a match shows at once, before the batch's Check", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    assert.equal(page.card("Ann", 0).state, "looking");
    page.heard(match("Ann", 1));
    assert.equal(page.card("Ann", 1).state, "match");
    assert.equal(page.card("Ann", 1).score, 0.6);
  });

  test("somebody of the gallery is named, whichever photo is the reference", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    const gallery = { person_id: "p_1", person_name: "Ada", reference_id: "set-of-ada" };
    page.heard(match("Ann", 1, gallery));
    assert.deepEqual([page.card("Ann", 1).state, page.card("Ann", 1).who], ["match", "Ada"]);
    assert.equal(page.card("Ann", 1).lastMatch?.person_name, "Ada");
    const near = [
      { person_id: "p_1", person_name: "Ada" },
      { person_id: "p_2", person_name: "Eve" },
    ];
    page.heard(check("Ann", 2, "match", { named: ["p_1"], people: near, reference_id: null }));
    assert.equal(page.card("Ann", 2).who, "Ada");
    assert.equal(page.card("Ann", 2).state, "match");
  });

  test("who is merely near is not named, nor is the person of the reference", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    const near = [{ person_id: "p_1", person_name: "Ada" }];
    page.heard(check("Ann", 1, "no_match", { named: [], people: near }));
    assert.deepEqual([page.card("Ann", 1).state, page.card("Ann", 1).who], ["no_match", ""]);
    page.heard(check("Ann", 2, "match", { named: ["default"], people: near }));
    assert.deepEqual([page.card("Ann", 2).state, page.card("Ann", 2).who], ["match", ""]);
  });

  test("every outcome has a state of its own", () => {
    /** @type {[Parameters<typeof check>[2], string][]} */
    const expected = [
      ["match", "match"],
      ["no_match", "no_match"],
      ["no_face", "no_face"],
      ["no_frames", "no_video"],
      ["muted", "no_video"],
      ["encrypted", "encrypted"],
      ["denied", "denied"],
      ["too_large", "too_large"],
      ["no_reference", "idle"],
      ["error", "error"],
    ];
    for (const [outcome, state] of expected) {
      const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
      page.heard(check("Ann", 1, outcome));
      assert.equal(page.card("Ann", 1).state, state, outcome);
    }
  });

  test("who may not be looked at is said so, and not that there is no reference", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    for (const [reason, state] of [
      ["consent", "no_consent"],
      ["not_compared", "not_compared"],
      ["of the future", "idle"],
      [null, "idle"],
    ]) {
      page.polled(status(2, heartbeat(2, [track("Ann", "idle", { idle_reason: reason ?? null })])));
      assert.equal(page.card("Ann", 2).state, state);
    }
  });

  test("no video says whether the camera is off or what it films does not arrive", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe"), track("Bob", "probe")])));
    page.heard(check("Ann", 1, "muted"), check("Bob", 1, "no_frames"));
    assert.deepEqual([page.card("Ann", 1).silent, page.card("Bob", 1).silent], [false, true]);
    page.polled(status(2, heartbeat(2, [track("Ann", "wait", { muted: true }), track("Bob", "wait", { muted: true })])));
    assert.deepEqual([page.card("Bob", 2).state, page.card("Bob", 2).silent], ["no_video", false]);
    page.heard(check("Bob", 12, "match"));
    assert.equal(page.card("Bob", 12).silent, false);
  });

  test("a Check without an outcome tells match or no match", () => {
    const page = new Page().polled(status(0, null));
    page.heard(check("Ann", 1, "no_match", { outcome: null, best_distance: null }));
    assert.equal(page.card("Ann", 1).state, "no_match");
  });

  test("it stays while the next batch looks, and goes when that has ended otherwise", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    page.polled(status(12, heartbeat(12, [track("Ann", "probe")])));
    assert.deepEqual([page.card("Ann", 12).state, page.card("Ann", 12).phase], ["match", "probe"]);
    page.heard(check("Ann", 13, "no_match"));
    assert.deepEqual([page.card("Ann", 13).state, page.card("Ann", 13).matchSince], ["no_match", null]);
  });

  test("matching since the first of an unbroken row", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"), match("Ann", 12), check("Ann", 12, "match"));
    assert.equal(page.card("Ann", 12).matchSince, Date.parse(iso(1)));
  });

  test("a match that ended says so, until somebody has seen it", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"), check("Ann", 12, "match"));
    assert.equal(page.card("Ann", 13).matchedAt, null);
    page.heard(check("Ann", 20, "no_face"));
    assert.deepEqual([page.card("Ann", 21).state, page.card("Ann", 21).matchedAt], ["no_face", at(12)]);
    page.heard(check("Ann", 30, "no_match"));
    assert.equal(page.card("Ann", 31).matchedAt, at(12));
    for (const level of /** @type {const} */ (["offline", "doubtful"])) {
      assert.equal(page.card("Ann", 31, level).matchedAt, level === "offline" ? null : at(12));
    }
    for (const identity of ["Ann", "Nobody"]) {
      page.state = reduce(page.state, { type: "ends-seen", room: "room", identity });
    }
    assert.equal(page.card("Ann", 32).matchedAt, null);
    page.heard(check("Ann", 40, "match"), check("Ann", 50, "no_match"));
    assert.equal(page.card("Ann", 51).matchedAt, at(40));
  });

  test("a match ends when they leave, and is not forgotten when they are back", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    page.polled(status(5, heartbeat(5, [])));
    assert.deepEqual([page.card("Ann", 5).reason, page.card("Ann", 5).matchedAt], ["left", at(1)]);
    page.polled(status(9, heartbeat(9, [track("Ann", "probe", { participant_id: "PA_again" })])));
    assert.deepEqual([page.card("Ann", 9).state, page.card("Ann", 9).matchedAt], ["looking", at(1)]);
  });

  test("of another photo no match has ended", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    page.polled(status(5, heartbeat(5, [track("Ann", "probe")]), { reference: { id: "ref-2", updated_at: iso(4), url: "/" } }));
    assert.deepEqual([page.card("Ann", 5).state, page.card("Ann", 5).matchedAt], ["looking", null]);
  });

  test("of two cameras one that matches decides", () => {
    const tracks = [track("Ann", "hold"), track("Ann", "wait", { track_sid: "TR_2" })];
    const page = new Page().polled(status(0, heartbeat(0, tracks)));
    page.heard(check("Ann", 1, "match"), check("Ann", 2, "no_match", { track_sid: "TR_2" }));
    assert.equal(page.card("Ann", 2).state, "match");
    assert.equal(page.cards(2).length, 1);
  });

  test("an answer about the former photo is none about this one", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    const reference = { id: "ref-2", updated_at: iso(2), url: "/reference/current.jpg" };
    page.polled(status(2, heartbeat(2, [track("Ann", "hold", { deadline_in: 9 })]), { reference }));
    assert.equal(page.card("Ann", 2).state, "looking");
  });

  test("a mute shows with the heartbeat, and looking again after it", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(check("Ann", 1, "no_match"));
    page.polled(status(3, heartbeat(3, [track("Ann", "wait", { muted: true })])));
    assert.equal(page.card("Ann", 3).state, "no_video");
    page.heard(check("Ann", 4, "muted"));
    page.polled(status(6, heartbeat(6, [track("Ann", "probe")])));
    assert.equal(page.card("Ann", 6).state, "looking");
  });
});

describe("the countdown", () => {
  test("runs from the Check, before any heartbeat tells", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    assert.deepEqual(figures(page.card("Ann", 1)), ["hold", 10, 10]);
    assert.deepEqual(figures(page.card("Ann", 8)), ["hold", 3, 10]);
    page.heard(check("Ann", 12, "no_match"));
    assert.deepEqual(figures(page.card("Ann", 14)), ["wait", 6, 8]);
  });

  test("follows a newer heartbeat", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(check("Ann", 1, "no_match"));
    page.polled(status(4, heartbeat(3, [track("Ann", "wait", { deadline_in: 2.5 })])));
    assert.deepEqual(figures(page.card("Ann", 4)), ["wait", 2, 8]);
  });

  test("over means looking", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(check("Ann", 1, "no_match"));
    assert.deepEqual(figures(page.card("Ann", 9)), ["probe", null, 0]);
  });

  test("does not mind that the page's clock is an hour ahead", () => {
    const page = new Page(3600).polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    assert.deepEqual(figures(page.card("Ann", 5)), ["hold", 6, 10]);
  });

  test("nor that the recognizer's is", () => {
    const ahead = 7200;
    const beat = heartbeat(ahead, [track("Ann", "probe")]);
    const page = new Page().polled(
      status(0, beat, { recognizer: { online: true, age_seconds: 0, heartbeat: beat } }),
    );
    page.heard(check("Ann", ahead + 1, "no_match"));
    assert.deepEqual(figures(page.card("Ann", 3)), ["wait", 6, 8]);
  });

  test("stops when the page is offline", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    const card = page.card("Ann", 3, "offline");
    assert.deepEqual([card.state, card.reason, card.remaining, card.lastKnown], ["offline", "page", null, "match"]);
  });

  test("nothing counts while there is no news, and the answer may be old", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    const card = page.card("Ann", 8, "doubtful");
    assert.deepEqual([card.state, card.reason, card.remaining, card.phase], ["match", "doubt", null, ""]);
  });

  test("waiting for a place, and for a first photo, have no end", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "queued"), track("Bob", "idle")])));
    assert.deepEqual(figures(page.card("Ann", 1)), ["queued", null, 0]);
    assert.deepEqual([page.card("Bob", 1).state, page.card("Bob", 1).phase], ["idle", "idle"]);
  });
});

describe("who is here", () => {
  test("a track that no event has named yet is looked at", () => {
    const page = new Page().polled(
      status(0, heartbeat(0, [track("Ann", "probe", { participant_name: "Ann B." })])),
    );
    const card = page.card("Ann", 0);
    assert.deepEqual([card.state, card.name], ["looking", "Ann B."]);
  });

  test("missing in a heartbeat means left; back again starts without an answer", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    page.polled(status(4, heartbeat(4, [])));
    const left = page.card("Ann", 4);
    assert.deepEqual([left.state, left.reason, left.lastKnown], ["offline", "left", "match"]);
    page.room(30, [{ identity: "Ann", participantId: "PA_second", name: "Ann", isLocal: true, video: "TR_new" }]);
    assert.deepEqual([page.card("Ann", 30).state, page.card("Ann", 30).lastMatch], ["looking", null]);
    const again = { participant_id: "PA_second", track_sid: "TR_new" };
    page.polled(status(31, heartbeat(31, [track("Ann", "probe", again)])));
    assert.equal(page.card("Ann", 31).state, "looking");
  });

  test("who left stands aside after a while, even when the page goes offline then", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.polled(status(2, heartbeat(2, [])));
    assert.equal(page.card("Ann", 3).past, false);
    assert.equal(page.card("Ann", 25).past, true);
    assert.deepEqual([page.card("Ann", 25, "offline").reason, page.card("Ann", 25, "offline").past], ["left", true]);
  });

  test("a Check that is newer than the heartbeat says that somebody is here", () => {
    const page = new Page().polled(status(0, heartbeat(0, [])));
    page.heard(check("Ann", 1, "no_match"));
    assert.equal(page.card("Ann", 1).state, "no_match");
  });

  test("in the joined room without a camera: no video, nothing counted", () => {
    const page = new Page().polled(status(0, heartbeat(0, [])));
    page.room(1, [{ identity: "Me", participantId: "PA_Me", name: "Me", isLocal: true, video: "" }]);
    const card = page.card("Me", 1);
    assert.deepEqual([card.state, card.phase, card.isLocal], ["no_video", "", true]);
  });

  test("a recognizer that has stopped makes all offline", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    page.polled(status(20, heartbeat(2, [track("Ann", "hold")])));
    assert.deepEqual([page.card("Ann", 20).state, page.card("Ann", 20).reason], ["offline", "recognizer"]);
  });

  test("one that loses its room for a moment does not, for longer does", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    page.polled(status(4, heartbeat(4, [], { livekit: "reconnecting" })));
    assert.equal(page.card("Ann", 5).state, "match");
    page.polled(status(12, heartbeat(12, [], { livekit: "reconnecting" })));
    assert.deepEqual([page.card("Ann", 12).state, page.card("Ann", 12).reason], ["offline", "recognizer"]);
  });

  test("a sender without heartbeats is believed until a Check is overdue", () => {
    const page = new Page().polled(status(0, null));
    page.heard(check("Ann", 1, "no_match"));
    assert.equal(page.card("Ann", 20).state, "no_match");
    assert.equal(page.card("Ann", 40).state, "offline");
  });
});

describe("somebody under the name of another one", () => {
  const SECOND = { participant_id: "PA_second", track_sid: "TR_second" };

  /** A page that has seen Ann match and leave. */
  function after() {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    return page.polled(status(4, heartbeat(4, [])));
  }

  test("is shown without the picture of the one who left, looked at or not", () => {
    const page = after();
    assert.ok(page.card("Ann", 5).lastMatch !== null, "who left keeps their own");
    page.polled(status(6, heartbeat(6, [track("Ann", "probe", SECOND)])));
    assert.deepEqual([page.card("Ann", 6).state, page.card("Ann", 6).lastMatch], ["looking", null]);
    page.heard(check("Ann", 7, "no_match", SECOND));
    assert.deepEqual([page.card("Ann", 7).state, page.card("Ann", 7).lastMatch], ["no_match", null]);
    page.polled(status(9, heartbeat(9, [])));
    assert.deepEqual([page.card("Ann", 9).reason, page.card("Ann", 9).lastMatch], ["left", null]);
  });

  test("the same when an event or the room is the first to tell", () => {
    const told = after();
    told.heard(check("Ann", 6, "no_match", SECOND));
    assert.deepEqual([told.card("Ann", 6).state, told.card("Ann", 6).lastMatch], ["no_match", null]);
    const seen = after();
    seen.room(6, [{ identity: "Ann", participantId: "PA_second", name: "Ann", isLocal: false, video: "" }]);
    assert.deepEqual([seen.card("Ann", 6).state, seen.card("Ann", 6).lastMatch], ["no_video", null]);
  });

  test("late news of the former one changes nothing", () => {
    const late = [match("Ann", 3), check("Ann", 3, "match")];
    const page = after();
    page.polled(status(6, heartbeat(6, [track("Ann", "probe", SECOND)])));
    page.heard(...late);
    assert.deepEqual([page.card("Ann", 6).state, page.card("Ann", 6).lastMatch], ["looking", null]);
    page.polled(status(7, heartbeat(5, [track("Ann", "hold")]))); // one that was overtaken
    assert.equal(page.card("Ann", 7).lastMatch, null);
  });

  test("nor does it on a page that is opened then, whichever comes first", () => {
    const events = [match("Ann", 1), check("Ann", 1, "match"), check("Ann", 7, "no_match", SECOND)];
    const beat = status(8, heartbeat(8, [track("Ann", "wait", SECOND)]));
    for (const page of [new Page().polled(beat).heard(...events), new Page().polled(status(0, null)).heard(...events)]) {
      assert.deepEqual([page.card("Ann", 8).state, page.card("Ann", 8).lastMatch], ["no_match", null]);
    }
  });

  test("a recognizer whose clock was set back is still believed", () => {
    const page = new Page().polled(status(0, heartbeat(3600, [track("Ann", "probe")])));
    page.heard(match("Ann", 3601));
    page.polled(status(4, heartbeat(4, [track("Ann", "probe", SECOND)])));
    page.heard(match("Ann", 5, SECOND));
    assert.equal(page.card("Ann", 5).state, "match");
    assert.equal(page.card("Ann", 5).lastMatch?.participant_id, "PA_second");
  });

  test("nor is a picture shown that another reference found", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"));
    const reference = { id: "ref-2", updated_at: iso(2), url: "/reference/current.jpg" };
    page.polled(status(2, heartbeat(2, [track("Ann", "hold", { deadline_in: 9 })]), { reference }));
    assert.equal(page.card("Ann", 2).lastMatch, null);
  });
});

test("the order is that of first sight, whatever happens later", () => {
  const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe"), track("Bob", "probe")])));
  page.heard(match("Bob", 1), check("Bob", 1, "match"), check("Ann", 2, "no_match"));
  page.polled(status(3, heartbeat(3, [track("Cid", "probe"), track("Bob", "hold"), track("Ann", "wait")])));
  assert.deepEqual(
    page.cards(3).map((card) => card.identity),
    ["Ann", "Bob", "Cid"],
  );
});

test("a card that says the same is the same object", () => {
  const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe"), track("Bob", "probe")])));
  const before = page.cards(1);
  page.heard(check("Bob", 1, "no_match"));
  const after = reuse(before, page.cards(1));
  assert.equal(after[0], before[0]);
  assert.ok(after[1] !== before[1]);
});

/** @param {import("../../static/types/model.js").Card} card */
function figures(card) {
  return [card.phase, card.remaining, card.duration];
}
