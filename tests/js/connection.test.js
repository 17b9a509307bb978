// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { CEILING_MS, retryDelay } from "../../static/model/backoff.js";
import { JITTER_MS, followOffset } from "../../static/model/clock.js";
import { DOUBT_MS, GRACE_MS, HIDDEN_DOUBT_MS, connectionOf, recognizerState } from "../../static/model/connection.js";
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
    assert.deepEqual(connectionOf(page.state, at(10)), { level: "reconnecting", retryIn: 4, silence: 10 });
    assert.deepEqual(connectionOf(page.state, at(10) + GRACE_MS), { level: "offline", retryIn: 1, silence: 12 });
    assert.equal(connectionOf(page.state, at(20)).retryIn, 0);
  });

  test("doubtful after some seconds without news, whoever would have brought them", () => {
    const page = new Page().polled(status(0, null));
    const levelAt = (/** @type {number} */ ms, hidden = false) => connectionOf(page.state, at(0) + ms, hidden).level;
    assert.deepEqual([levelAt(DOUBT_MS - 1), levelAt(DOUBT_MS)], ["live", "doubtful"]);
    assert.deepEqual([levelAt(HIDDEN_DOUBT_MS - 1, true), levelAt(HIDDEN_DOUBT_MS, true)], ["live", "doubtful"]);
    const messages = [{ cursor: 1, event: null }];
    page.state = reduce(page.state, { type: "messages", messages, at: at(5) });
    assert.deepEqual([levelAt(10_999), levelAt(11_000)], ["live", "doubtful"]);
    page.polled(status(12, null));
    assert.equal(levelAt(12_000), "live");
  });

  test("a clock that is set back brings no doubt, one that jumps ahead does until the next news", () => {
    const page = new Page().polled(status(0, null));
    assert.deepEqual(connectionOf(page.state, at(-3600)), { level: "live", retryIn: null, silence: 0 });
    assert.equal(connectionOf(page.state, at(3600)).level, "doubtful");
  });
});

test("what the recognizer is at", () => {
  const told = (/** @type {import("../../static/types/model.js").Heartbeat | null} */ beat, second = 1) =>
    recognizerState(new Page().polled(status(second, beat)).state, "live");
  assert.equal(told(null), "never");
  assert.equal(told(heartbeat(0, [])), "ok");
  assert.equal(told(heartbeat(0, []), 30), "absent");
  const beside = { online: true, age_seconds: 1, heartbeat: heartbeat(0, []), rivals: 1 };
  assert.equal(recognizerState(new Page().polled(status(1, null, { recognizer: beside })).state, "live"), "rivals");
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
