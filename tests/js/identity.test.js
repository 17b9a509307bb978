// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { NOTHING, identityWords } from "../../static/model/identity.js";
import { partsOf } from "../../static/model/text.js";

/** @import { IdentityShown } from "../../static/types/people.js" */

/** @param {string} state @param {Partial<IdentityShown>} [changes] */
function said(state, changes = {}) {
  const { tone, words } = of(state, changes);
  return { tone, words: partsOf(words).map(({ text }) => text).join("") };
}

/** @param {string} state @param {Partial<IdentityShown>} [changes] */
function of(state, changes = {}) {
  return identityWords({
    room: "room",
    participant_identity: "alice42",
    state,
    detail: null,
    person_id: "p_1",
    person_name: "Alice",
    seen_person_id: null,
    seen_person_name: null,
    certainty: null,
    ...changes,
  });
}

test("what is said of somebody who is supposed to be somebody", () => {
  assert.deepEqual(said("expected", { certainty: "sure" }), { tone: "good", words: "Expected: Alice ✓" });
  assert.equal(said("expected", { certainty: "few_photos" }).words, "Expected: Alice ✓ (few photos or looks)");
  assert.equal(said("accompanied").words, "Expected: Alice ✓, and others");
  assert.deepEqual(said("unexpected", { detail: "stranger" }), {
    tone: "bad",
    words: "Someone else, expected Alice",
  });
  const bob = { detail: "other_person", seen_person_id: "p_2", seen_person_name: "Bob" };
  assert.equal(said("unexpected", bob).words, "Someone else: Bob, expected Alice");
  assert.equal(said("swapped").words, "Face changed, expected Alice");
  assert.equal(said("swapped", { person_id: null, person_name: null }).words, "Face changed");
  assert.equal(said("not_seen").tone, "warn");
  assert.equal(said("pending").words, "Expected: Alice, not seen yet");
  assert.equal(said("unknowable", { detail: "muted" }).words, "Expected: Alice, the camera is off");
  assert.equal(said("pending", { person_id: "default", person_name: null }).words, "Expected: the person of the photo, not seen yet");
});

test("names can be told from words, and none can pretend to be words", () => {
  const bob = { detail: "other_person", seen_person_id: "p_2", seen_person_name: "B\u2069ob\u2068" };
  const names = partsOf(of("unexpected", bob).words).filter(({ name }) => name);
  assert.deepEqual(names.map(({ text }) => text), ["Bob", "Alice"]);
  const photo = of("pending", { person_id: "default", person_name: null }).words;
  assert.deepEqual(partsOf(photo), [{ text: photo, name: false }]);
  assert.deepEqual(partsOf(""), []);
});

test("nothing is said of others", () => {
  for (const state of ["unbound", "absent", "of later days"]) assert.deepEqual(said(state), NOTHING);
  assert.deepEqual(said("unknowable", { person_id: null, person_name: null }), NOTHING);
  assert.deepEqual(identityWords(undefined), NOTHING);
});
