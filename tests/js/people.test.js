// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { again, changed, nextOf, progressOf, verdictOn, withFiles, without } from "../../static/model/intake.js";
import { flagsOf, partOf, photosFrom, remarksOn, roomsIn, whereabouts } from "../../static/model/persons.js";
import { isolated } from "../../static/model/text.js";
import { HOME, hrefOf, routeOf } from "../../static/model/route.js";
import { T0, iso } from "./made.js";

/** @import { PersonWhole, Photo, PhotoResult } from "../../static/types/people.js" */

/** @param {Partial<PersonWhole>} changes @returns {PersonWhole} */
function person(changes = {}) {
  return {
    id: "p_1",
    name: "Alice",
    rooms: [],
    tolerance: null,
    basis: "",
    consent: null,
    delete_at: null,
    erased_at: iso(365 * 86_400),
    created_at: iso(0),
    last_seen_at: null,
    photos: 0,
    portrait: null,
    attention: [],
    photo_list: [],
    merged: [],
    ...changes,
  };
}

/** @param {string} id @param {Partial<Photo>} [changes] @returns {Photo} */
function photo(id, changes = {}) {
  return {
    id,
    url: `/api/people/p_1/photos/${id}`,
    added_at: iso(0),
    source: `${id}.jpg`,
    bbox: [0, 10, 10, 0],
    frame_size: [20, 20],
    face_px: 10,
    weak: [],
    unlike_the_others: false,
    origin_person_id: "p_1",
    ...changes,
  };
}

/** @param {Partial<PhotoResult>} changes @returns {PhotoResult} */
function result(changes) {
  const none = { code: null, detail: null, photo: null, turned: 0, photo_id: null, person_id: null };
  return { file: "a.jpg", ok: false, ...none, ...changes };
}

describe("addresses", () => {
  test("lead to a place and come back as they were", () => {
    const params = { day: "2026-11-26", room: "front desk & door?" };
    assert.deepEqual(routeOf(hrefOf("history", "", params)), { place: "history", id: "", params });
    assert.deepEqual(routeOf(hrefOf("people", "p_/ü")), { place: "people", id: "p_/ü", params: {} });
    assert.equal(hrefOf("people", "", { search: "", attention: false, page: 0 }), "#/people");
    assert.equal(hrefOf("people", "", { attention: true, page: 2 }), "#/people?attention=true&page=2");
  });

  test("of no place are either the first one or something on the page", () => {
    assert.deepEqual(routeOf(""), HOME);
    assert.deepEqual(routeOf("#/nowhere/p_1"), HOME);
    assert.equal(routeOf("#reference"), null);
    assert.equal(routeOf("#/people/%")?.id, "%");
  });
});

describe("a person", () => {
  test("needs what the server says, in words that say what to do", () => {
    const now = T0;
    const soon = new Date(now + 2.5 * 86_400_000).toISOString();
    const remarks = remarksOn(
      person({ photos: 1, erased_at: soon, attention: ["FEW_PHOTOS", "DELETE_SOON", "NO_BASIS", "OF_LATER_DAYS"] }),
      now,
    );
    assert.deepEqual(
      remarks.map(({ short }) => short),
      ["1 photo", "erased in 3 days", "no basis", "of later days"],
    );
    assert.match(remarks[0]?.help ?? "", /add 2 more photos/);
    assert.match(remarksOn(person({ attention: ["FEW_PHOTOS"] }), now)[0]?.help ?? "", /Nobody is looked for/);
    assert.equal(remarksOn(person({ erased_at: iso(-5), attention: ["DELETE_SOON"] }), now)[0]?.short, "erased today");
  });

  test("has photos with flags, and knows whose they were", () => {
    const weak = [{ code: "BLURRED", detail: "The face is blurred." }];
    const theirs = photo("b", { origin_person_id: "p_2", unlike_the_others: true, weak });
    const alice = person({ merged: [{ id: "p_2", name: "Bob" }], photo_list: [photo("a"), theirs] });
    assert.deepEqual(flagsOf(photo("a"), alice), []);
    assert.deepEqual(
      flagsOf(theirs, alice).map(({ short }) => short),
      ["unlike the others", "blurred", `was ${isolated("Bob")}’s`],
    );
    assert.deepEqual(photosFrom(alice, "p_2"), ["b"]);
  });

  test("is looked for in rooms", () => {
    assert.equal(whereabouts(person()), "in every room");
    assert.equal(whereabouts(person({ rooms: ["a"] })), `in ${isolated("a")}`);
    assert.equal(whereabouts(person({ rooms: ["a", "b"] })), "in 2 rooms");
    assert.deepEqual(roomsIn(" a, b ,,a\nc d"), ["a", "b", "c d"]);
  });

  test("is on a page of the list", () => {
    assert.deepEqual(partOf(1, 0), { from: 0, to: 0, pages: 1 });
    assert.deepEqual(partOf(3, 125), { from: 121, to: 125, pages: 3 });
    assert.deepEqual(partOf(9, 60), { from: 1, to: 60, pages: 1 });
  });
});

describe("photos on their way", () => {
  const files = ["a.jpg", "b.jpg"].map((name) => new File([], name));

  test("go one after the other, and keep their row", () => {
    let rows = withFiles([], files);
    assert.equal(nextOf(rows)?.key, 1);
    rows = changed(rows, 1, { state: "looking" });
    assert.equal(nextOf(rows), null);
    assert.equal(progressOf(rows), "0 of 2 photos looked at.");
    rows = changed(rows, 1, { state: "done", verdict: verdictOn(result({ ok: true, photo: photo("a") }), "p_1") });
    assert.equal(nextOf(rows)?.key, 2);
    rows = changed(rows, 2, { state: "done", verdict: verdictOn(result({ code: "NO_FACE", detail: "No." }), "p_1") });
    assert.equal(progressOf(rows), "1 of 2 photos added.");
    assert.deepEqual(
      withFiles(without(rows, 1), files).map(({ key }) => key),
      [2, 3, 4],
    );
  });

  test("are answered with what would help", () => {
    const weak = [{ code: "BLURRED", detail: "The face is blurred." }];
    const good = verdictOn(result({ ok: true, photo: photo("a") }), "p_1");
    assert.deepEqual([good.tone, good.anyway], ["good", ""]);
    const blurred = verdictOn(result({ ok: true, photo: photo("a", { weak }) }), "p_1");
    assert.deepEqual([blurred.tone, blurred.words], ["warn", "Added, but it helps less. The face is blurred."]);
    const other = verdictOn(result({ code: "OTHER_PERSON", detail: "Bob.", person_id: "p_2" }), "p_1");
    assert.deepEqual([other.tone, other.anyway, other.other], ["bad", "OTHER_PERSON", "p_2"]);
    const twin = verdictOn(result({ code: "DUPLICATE", detail: "There already.", person_id: "p_1" }), "p_1");
    assert.deepEqual([twin.anyway, twin.other], ["", ""]);
  });

  test("are sent again with what was read about them", () => {
    const [row] = withFiles([], files.slice(0, 1));
    if (row === undefined) throw new Error("no row");
    const unlike = verdictOn(result({ code: "UNLIKE_THE_OTHERS", detail: "Far." }), "p_1");
    const next = { ...row, ...again({ ...row, state: "done", verdict: unlike }) };
    assert.deepEqual([next.state, next.anyway, next.verdict], ["waiting", ["UNLIKE_THE_OTHERS"], null]);
    const lost = { tone: /** @type {const} */ ("bad"), code: "UNREACHABLE", words: "Away.", anyway: "", other: "" };
    assert.deepEqual(again({ ...next, verdict: lost }).anyway, ["UNLIKE_THE_OTHERS"]);
  });
});
