// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { alarmSentence, alarmWords, comparedWith, heardOf, titleWith, unheard } from "../../static/model/alarms.js";
import { counted, partsOf } from "../../static/model/text.js";

/** @typedef {import("../../static/model/alarms.js").Alarm} Alarm */

/** @param {Partial<Alarm>} [fields] @returns {Alarm} */
function alarm(fields) {
  return {
    id: "a",
    kind: "match",
    room: "red",
    participant_identity: "alice",
    participant_name: "Alice42",
    person_id: null,
    person_name: null,
    seen_person_id: "p_1",
    seen_person_name: "Bob",
    since: "2025-09-25T14:07:08Z",
    last_at: "2025-09-25T14:07:08Z",
    sights: 1,
    acknowledged_by: null,
    acknowledged_at: null,
    verdict: null,
    picture: null,
    ...fields,
  };
}

test("each kind says who was seen, and as whom", () => {
  assert.equal(alarmWords(alarm()), "Match: Bob as Alice42");
  const reference = alarm({ seen_person_id: "default", seen_person_name: null });
  assert.equal(alarmWords(reference), "Match: the person of the photo as Alice42");
  const other = alarm({ kind: "someone_else", person_id: "p_2", person_name: "Alice" });
  assert.equal(alarmWords(other), "Someone else as Alice: Bob (Alice42)");
  const stranger = alarm({ ...other, seen_person_id: null, seen_person_name: null });
  assert.equal(alarmWords(stranger), "Someone else as Alice: a stranger (Alice42)");
  assert.equal(alarmWords(alarm({ kind: "face_changed" })), "Face changed: Alice42");
  assert.equal(alarmWords(alarm({ participant_name: "\u202e\n" })), "Match: Bob as (no visible name)");
});

test("names are apart from words, which a browser may translate", () => {
  const names = partsOf(alarmSentence(alarm())).filter(({ name }) => name);
  assert.deepEqual(names.map(({ text }) => text), ["Bob", "Alice42"]);
  const reference = partsOf(alarmSentence(alarm({ seen_person_id: "default", seen_person_name: null })));
  assert.deepEqual(reference.filter(({ name }) => name).map(({ text }) => text), ["Alice42"]);
});

test("beside a snapshot are photos of who was seen and of who should have been", () => {
  const photos = { seen_person_portrait: "/seen", person_id: "p_2", person_name: "Alice", person_portrait: "/expected" };
  assert.deepEqual(comparedWith(alarm(photos), null), [
    { url: "/seen?face=192", role: "Seen", name: "Bob", at: "" },
    { url: "/expected?face=192", role: "Expected", name: "Alice", at: "" },
  ]);
  const same = alarm({ ...photos, person_id: "p_1", person_name: "Bob" });
  assert.deepEqual(comparedWith(same, null).map(({ role }) => role), ["Expected"]);
  assert.deepEqual(comparedWith(alarm(), null), []); // they have no photo
  assert.deepEqual(comparedWith(alarm({ kind: "face_changed", seen_person_id: null }), null), []);
});

test("the reference photo is beside what was compared with it, and nothing older", () => {
  const seen = alarm({ seen_person_id: "default", seen_person_name: null });
  const reference = (/** @type {string} */ at) => ({ id: "r", url: "/reference/current.jpg", updated_at: at });
  const [photo] = comparedWith(seen, reference("2025-09-25T14:07:00Z"));
  assert.deepEqual([photo?.url, photo?.role, photo?.name], ["/reference/current.jpg", "Seen", ""]);
  assert.deepEqual(comparedWith(seen, reference("2025-09-25T14:08:00Z")), []);
  assert.deepEqual(comparedWith(seen, null), []);
});

test("what was heard is not told again, but for what turned out to be somebody else", () => {
  const known = heardOf([alarm()]);
  assert.deepEqual(unheard([alarm(), alarm({ id: "b" })], known).map(({ id }) => id), ["b"]);
  assert.equal(unheard([alarm({ kind: "someone_else" })], known).length, 1);
});

test("the title counts what is open", () => {
  assert.equal(titleWith("Live", 0), "Live");
  assert.equal(titleWith("Live", 3), "(3) Live");
  assert.equal(counted(1, "alarm"), "1 alarm");
});
