// @ts-check
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";

import { NO_FILTER, beside, filtered, namesIn, reading } from "../../static/model/activity.js";
import { isOfNobody, lineReading } from "../../static/model/sightings.js";
import { WORDS, shownState, stateWord } from "../../static/model/states.js";
import { announcement, summaryOf } from "../../static/model/summary.js";
import * as text from "../../static/model/text.js";
import { Page, at, check, heartbeat, match, status, track } from "./made.js";

describe("names", () => {
  test("markup stays text, lines and directions do not break out", () => {
    assert.equal(text.displayName("<img src=x onerror=alert(1)>"), "<img src=x onerror=alert(1)>");
    assert.equal(text.displayName("a\nb\u2028c"), "a b c");
    assert.equal(text.displayName("\u202egnp.exe"), "gnp.exe");
  });

  test("one that shows nothing is said so", () => {
    assert.equal(text.displayName("\u200b\u2066 \ufeff"), "(no visible name)");
    assert.equal(text.displayName("\u3164", "identity"), "identity");
  });

  test("initials of any script", () => {
    assert.deepEqual(["Ann Bee", "שלום", "👍", "x"].map(text.initials), ["AB", "ש", "?", "X"]);
  });
});

test("durations and times ago", () => {
  assert.deepEqual([5, 59.9, 60, 3599, 3600, 3660, 86_400, 200_000].map(text.duration), [
    "5 s",
    "59 s",
    "1 min",
    "59 min",
    "1 h",
    "1 h 1 min",
    "1 day",
    "2 days",
  ]);
  assert.equal(text.ago(at(0), at(2)), "just now");
  assert.equal(text.ago(at(0), at(12)), "12 s ago");
  assert.equal(text.ago(at(5), at(0)), "just now");
});

test("the time of day has its date on another day", () => {
  const time = new Date(at(0)).toLocaleTimeString(undefined, { timeStyle: "medium" });
  const day = new Date(at(0)).toLocaleDateString(undefined, { dateStyle: "medium" });
  assert.equal(text.clockTime(at(0), at(60)), time); // as the reader's own language writes it
  assert.equal(text.clockTime(at(0), at(3 * 86_400)), text.fullTime(at(0)));
  assert.ok(text.fullTime(at(0)).startsWith(day) && text.fullTime(at(0)).endsWith(time));
});

test("no other module writes a time in a way of its own", () => {
  const ours = ["model", "net", "pages", "room", "view"].flatMap((folder) => {
    const at = new URL(`../../static/${folder}/`, import.meta.url);
    return readdirSync(at).map((name) => ({ name: `${folder}/${name}`, source: readFileSync(new URL(name, at), "utf8") }));
  });
  const writes = /Intl\.DateTimeFormat|toLocale(Date|Time)String|to(Date|Time|UTC)?String\(\)\.slice|getMinutes|getSeconds/;
  assert.deepEqual(ours.filter(({ source }) => writes.test(source)).map(({ name }) => name), ["model/text.js"]);
  assert.ok(ours.length > 80);
  const [whole, short] = [text.clockTime(at(0), at(1)), text.hourTime(at(0))];
  assert.ok(whole.startsWith(short.replace(/\s*[AP]M$/i, ""))); // the same without seconds
  assert.ok(text.fullTime(at(0)).startsWith(text.dayTime(at(0))));
});

test("a card says one of them: an alarm before what was seen last, and the expected one in place of a match", () => {
  const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
  page.heard(match("Ann", 1), check("Ann", 1, "match"));
  const card = page.card("Ann", 2);
  const shown = (/** @type {Partial<typeof card>} */ fields) => shownState({ ...card, ...fields });
  assert.equal(shown({}), "match");
  assert.equal(shown({ identityState: "expected", identityTone: "good" }), "expected");
  assert.equal(shown({ identityState: "accompanied", identityTone: "warn" }), "expected");
  assert.equal(shown({ state: "no_face", identityState: "expected", identityTone: "good" }), "no_face");
  assert.equal(shown({ state: "no_match", identityState: "unexpected", identityTone: "bad" }), "someone_else");
  assert.equal(shown({ identityState: "swapped", identityTone: "bad" }), "face_changed");
  assert.equal(shown({ state: "no_video", silent: false }), "camera_off");
  assert.equal(shown({ state: "no_video", silent: true }), "no_video");
  assert.equal(shown({ state: "offline", reason: "recognizer" }), "not_watched");
  assert.equal(shown({ state: "offline", reason: "left" }), "left");
  const offline = { state: /** @type {const} */ ("offline"), reason: /** @type {const} */ ("page") };
  assert.equal(stateWord({ ...card, ...offline }), "Offline");
});

test("the README names every state of a card in the page's words", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const named = readme.slice(readme.indexOf("each participant has a card that says"), readme.indexOf("After 6 seconds without news"));
  const words = [...named.matchAll(/\*([^*]+)\*/g)].map(([, word = ""]) => word.replace(/\s+/g, " "));
  assert.deepEqual(words.sort(), Object.values(WORDS).map((word) => word.toLowerCase()).sort());
});

test("lines of what happened", () => {
  const line = /** @type {import("../../static/types/people.js").SightingLine} */ ({
    kind: "sighting", cursor: 1, began: "2025-09-25T14:01:00Z", until: "2025-09-25T14:07:30Z", going_on: false, room: "r",
    participant_identity: "a", participant_name: "A", looks: 36, best: 0.6123, reason: null, match: null, event: null,
    people: [{ person_id: "default", person_name: null }, { person_id: "p_1", person_name: "Eve" }],
  });
  assert.deepEqual(lineReading(line), {
    state: "match", words: "Match", who: "the person of the photo and Eve", detail: "6 min · best 0.61 · 36 looks",
  });
  assert.equal(lineReading({ ...line, going_on: true }).words, "Matching");
  assert.deepEqual(lineReading({ ...line, people: [], best: null }).words, "Seen, no match");
  assert.deepEqual(lineReading({ ...line, kind: "unseen", reason: "muted" }), { state: "no_video", words: "Camera off", who: "", detail: "6 min" });
  assert.equal(lineReading({ ...line, kind: "unseen", reason: "new" }).words, "Check failed");
  const event = { type: "binding", change: "bound", by: "admin (key)", person_id: "p_1", person_name: "Eve" };
  assert.deepEqual(lineReading({ ...line, kind: "said", event }), { state: "looking", words: "Supposed to be", who: "Eve", detail: `by ${text.isolated("admin (key)")}` });
  const watched = { ...line, kind: /** @type {const} */ ("said"), event: { type: "viewing", change: "began", by: "viewer (login)" } };
  assert.deepEqual(lineReading(watched), { state: "looking", words: "Watches the room", who: "", detail: "" });
  assert.equal(lineReading({ ...watched, event: { ...watched.event, change: "ended" } }).words, "No longer watches the room");
  const signedIn = { ...line, kind: /** @type {const} */ ("said"), event: { type: "audit", change: "signed_in", by: "Dana, admin (login)" } };
  assert.deepEqual(lineReading(signedIn), { state: "looking", words: "Signed in", who: "", detail: "" });
  const photos = { ...signedIn, event: { ...signedIn.event, change: "photos_added", person_id: "p_1", person_name: "Eve" } };
  assert.deepEqual(lineReading(photos), { state: "looking", words: "Added photos of", who: "Eve", detail: "" });
  assert.equal(lineReading({ ...signedIn, event: { ...signedIn.event, change: "reference_replaced" } }).words, "Changed the reference photo");
  const merged = lineReading({ ...signedIn, event: { ...signedIn.event, change: "people_merged", person_id: "p_1", person_name: "Ann" } });
  assert.deepEqual([merged.words, merged.who], ["Merged somebody into", "Ann"]);
  assert.equal(lineReading({ ...signedIn, event: { ...signedIn.event, change: "later" } }).words, "Changed something");
  assert.equal(isOfNobody(signedIn), true);
  assert.deepEqual([isOfNobody(watched), isOfNobody(line)], [true, false]);
});

describe("the one answer", () => {
  const about = {
    level: /** @type {const} */ ("live"),
    silence: 0,
    hasReference: true,
    rights: /** @type {const} */ ("change"),
    recognizer: /** @type {const} */ ("ok"),
    now: at(10),
  };

  test("names who matches, and since when", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe"), track("Bob", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"), check("Bob", 1, "no_match"));
    const { kind, title, detail } = summaryOf(page.cards(10), about);
    assert.deepEqual([kind, title, detail], ["match", "Ann", "matching for 9 s, 2 participants in the room"]);
  });

  test("counts them when they are many", () => {
    const names = ["Ann", "Bob", "Cid", "Dan"];
    const page = new Page().polled(
      status(
        0,
        heartbeat(
          0,
          names.map((name) => track(name, "probe")),
        ),
      ),
    );
    page.heard(...names.map((name) => match(name, 1)));
    const { title, detail, who } = summaryOf(page.cards(2), about);
    assert.deepEqual([title, detail, who], ["4 participants", "", "Ann, Bob and 2 more"]);
  });

  test("no match, looking, nobody, and why nothing can be said", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    assert.equal(summaryOf(page.cards(0), about).kind, "looking");
    page.heard(check("Ann", 1, "no_match"));
    assert.equal(summaryOf(page.cards(1), about).kind, "none");
    assert.equal(summaryOf(page.cards(1), { ...about, recognizer: "absent" }).title, "Nobody is looking");
    assert.equal(summaryOf(page.cards(1), { ...about, hasReference: false }).kind, "no_reference");
    assert.equal(summaryOf([], about).title, "Nobody here");
    assert.equal(summaryOf([], { ...about, level: "connecting" }).kind, "loading");
  });

  test("who matched until a moment ago is told beside it", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe"), track("Bob", "probe")])));
    page.heard(match("Ann", 1), check("Ann", 1, "match"), check("Ann", 12, "no_match"), check("Bob", 12, "no_match"));
    const { kind, title, detail, who, about: key } = summaryOf(page.cards(21), { ...about, now: at(21) });
    assert.deepEqual([kind, title, detail, who, key], ["none", "No match", "matched 20 s ago:", "Ann", "room/Ann"]);
    page.heard(match("Bob", 22));
    assert.equal(summaryOf(page.cards(23), { ...about, now: at(23) }).title, "Bob");
  });

  test("without a reference it says what comes first, to each what they can do about it", () => {
    const none = { ...about, hasReference: false };
    assert.equal(summaryOf([], none).detail, "Add a photo to begin.");
    assert.equal(summaryOf([], { ...none, rights: "look" }).detail, "An admin can add a photo.");
    assert.equal(summaryOf([], { ...none, rights: "unknown" }).detail, "");
  });

  test("offline tells the last match", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1));
    const { kind, detail, who } = summaryOf(page.cards(5, "offline"), { ...about, level: "offline" });
    assert.deepEqual([kind, detail, who], ["offline", "Last known: match,", "Ann"]);
  });

  test("without news it is no match any more, but the last that was known", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    page.heard(match("Ann", 1));
    const doubt = { ...about, level: /** @type {const} */ ("doubtful"), silence: 9 };
    const { kind, title, detail, who } = summaryOf(page.cards(9, "doubtful"), doubt);
    assert.deepEqual([kind, title, detail, who], ["doubt", "No news for 9 s", "Last known: match,", "Ann"]);
  });

  test("who cannot be looked at is not on camera", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "wait"), track("Bob", "wait")])));
    page.heard(check("Ann", 1, "encrypted"), check("Bob", 1, "denied"));
    assert.equal(summaryOf(page.cards(2), about).title, "Nobody on camera");
  });
});

describe("reading out", () => {
  test("says changes of an answer, not that a batch has begun", () => {
    const page = new Page().polled(status(0, heartbeat(0, [track("Ann", "probe")])));
    assert.equal(announcement(new Map(), page.cards(0)), "");
    page.heard(match("Ann", 1));
    assert.equal(announcement(new Map(), page.cards(1)), `${text.isolated("Ann")}: Match.`);
    const said = new Map(page.cards(1).map((card) => [card.key, stateWord(card)]));
    page.polled(status(13, heartbeat(13, [track("Ann", "probe")])));
    assert.equal(announcement(said, page.cards(13)), "");
  });

  test("counts many at once", () => {
    const names = ["Ann", "Bob", "Cid", "Dan", "Eve"];
    const page = new Page().polled(status(0, null));
    page.heard(...names.map((name) => check(name, 1, name === "Ann" ? "match" : "no_face")));
    assert.equal(announcement(new Map(), page.cards(1)), "1 new match, 4 other changes.");
  });
});

describe("the activity list", () => {
  const page = new Page().polled(status(0, null));
  page.heard(match("Ann", 1), check("Ann", 1, "match"), check("Bob", 2, "no_face", { frames: 1 }), match("Bob", 3));
  const { activity } = page.state;

  test("filters by kind and by participant", () => {
    assert.equal(filtered(activity, NO_FILTER), activity);
    assert.equal(filtered(activity, { kind: "match", identity: "" }).length, 2);
    assert.equal(filtered(activity, { kind: "no_match", identity: "" }).length, 1);
    assert.equal(filtered(activity, { kind: "check", identity: "Ann" }).length, 1);
    assert.deepEqual(
      namesIn(activity).map(({ identity }) => identity),
      ["Ann", "Bob"],
    );
  });

  test("reads as words", () => {
    assert.deepEqual(
      activity.map((entry) => Object.values(reading(entry))),
      [
        ["match", "Match", "0.60"],
        ["no_face", "No face", "· 1 frame"],
        ["match", "Check: match", "· 3 frames"],
        ["match", "Match", "0.60"],
      ],
    );
  });

  test("goes from snapshot to snapshot", () => {
    const [newest, , , oldest] = activity.map(({ event }) => event);
    if (newest?.type !== "match" || oldest?.type !== "match") throw new Error("two matches");
    assert.deepEqual(beside(activity, newest), { newer: null, older: oldest });
    assert.deepEqual(beside(activity, oldest), { newer: newest, older: null });
    assert.deepEqual(beside([], newest), { newer: null, older: null });
  });
});
