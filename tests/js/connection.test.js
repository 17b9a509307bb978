// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { CEILING_MS, retryDelay } from "../../static/model/backoff.js";
import { JITTER_MS, followOffset } from "../../static/model/clock.js";
import { GRACE_MS, connectionOf, recognizerState } from "../../static/model/connection.js";
import { initialState, reduce } from "../../static/model/store.js";
import { Page, at, heartbeat, status } from "./made.js";

describe("the connection", () => {
  test("connecting until something is known, offline when nothing answers", () => {
    const state = initialState(at(0));
    assert.equal(connectionOf(state, at(1)).level, "connecting");
    assert.equal(connectionOf(reduce(state, { type: "status-failed", at: at(1) }), at(1)).level, "offline");
  });

  test("live with an open socket, whatever one failed poll says", () => {
    const page = new Page().polled(status(0, null));
    assert.equal(connectionOf(page.state, at(1)).level, "live");
    page.state = reduce(page.state, { type: "status-failed", at: at(2) });
    assert.equal(connectionOf(page.state, at(2)).level, "live");
  });

  test("offline after a grace, with the seconds until the next try", () => {
    const page = new Page().polled(status(0, null));
    const socket = { state: /** @type {const} */ ("waiting"), attempt: 1, since: at(10), retryAt: at(10) + 3200 };
    page.state = reduce(page.state, { type: "socket", socket });
    assert.deepEqual(connectionOf(page.state, at(10)), { level: "reconnecting", retryIn: 4 });
    assert.deepEqual(connectionOf(page.state, at(10) + GRACE_MS), { level: "offline", retryIn: 1 });
    assert.equal(connectionOf(page.state, at(20)).retryIn, 0);
  });
});

test("what the recognizer is at", () => {
  const told = (/** @type {import("../../static/types/model.js").Heartbeat | null} */ beat, second = 1) =>
    recognizerState(new Page().polled(status(second, beat)).state, "live");
  assert.equal(told(null), "never");
  assert.equal(told(heartbeat(0, [])), "ok");
  assert.equal(told(heartbeat(0, []), 30), "absent");
  assert.equal(told(heartbeat(0, [], { reference_id: null })), "no_reference");
  assert.equal(told(heartbeat(0, [], { livekit: "connecting" })), "connecting");
  assert.equal(told(heartbeat(0, [], { livekit: "reconnecting" })), "lost");
  assert.equal(recognizerState(new Page().polled(status(0, heartbeat(0, []))).state, "offline"), "unknown");
});

test("tries grow further apart up to a ceiling, and never all at one moment", () => {
  assert.equal(
    retryDelay(1, () => 1),
    500,
  );
  assert.equal(
    retryDelay(1, () => 0),
    250,
  );
  assert.equal(
    retryDelay(3, () => 1),
    2000,
  );
  assert.equal(
    retryDelay(60, () => 1),
    CEILING_MS,
  );
});

test("jitter of the network does not move the clock, a wrong clock does", () => {
  assert.equal(followOffset(1000, 1000 + JITTER_MS), 1000);
  assert.equal(followOffset(1000, 1000 + JITTER_MS + 1), 1000 + JITTER_MS + 1);
});
