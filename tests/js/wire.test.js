// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { identityOf, parseMessage } from "../../static/model/wire.js";

const MATCH = {
  type: "match",
  cursor: 3,
  participant_id: "PA_1",
  participant_name: "Ann",
  timestamp: "2025-09-25T14:07:08.123456+00:00",
  confidence: 0.63,
  filename: "/captures/match.jpg",
  snapshot: "match.jpg",
  bbox: [1, 4, 3, 2],
  frame_size: [640, 360],
};

/** @param {unknown} message */
function parsed(message) {
  return parseMessage(JSON.stringify(message));
}

test("the seed's fields are enough", () => {
  const { cursor, event } = parsed(MATCH) ?? {};
  assert.equal(cursor, 3);
  assert.equal(event?.type === "match" && event.distance, null);
  assert.equal(event !== undefined && event !== null && identityOf(event), "Ann");
});

test("a Check with an outcome that is not known is still a Check", () => {
  const { event } = parsed({ ...MATCH, type: "check", match_found: true, outcome: "novel" }) ?? {};
  assert.deepEqual(event?.type === "check" && [event.match_found, event.outcome], [true, null]);
});

test("other kinds move the cursor only", () => {
  assert.deepEqual(parsed({ type: "presence", cursor: 8 }), { cursor: 8, event: null });
  assert.deepEqual(parsed({ ...MATCH, type: "alarm", cursor: 9 }), { cursor: 9, event: null, alarm: true });
});

test("what is broken is no event", () => {
  for (const broken of [
    { ...MATCH, confidence: "high" },
    { ...MATCH, bbox: [1, 2, 3] },
    { ...MATCH, bbox: [1, 2, 3, null] },
    { ...MATCH, timestamp: "yesterday" },
    { ...MATCH, participant_id: "" },
    { ...MATCH, participant_id: 7 },
  ]) {
    assert.equal(parsed(broken)?.event, null);
  }
  for (const junk of ["", "{", "null", "7", new ArrayBuffer(2)]) assert.equal(parseMessage(junk), null);
});
