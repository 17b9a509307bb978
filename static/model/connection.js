// @ts-check
/** Whether what the page shows is current: the event socket and the status polls taken together. */

/** @import { State } from "../types/model.js" */
/** @typedef {"connecting" | "live" | "reconnecting" | "offline"} Level */
/** @typedef {{ level: Level, retryIn: number | null }} Connection retryIn in seconds */

/** A socket that is back this soon missed nothing that the server does not send again: cards stay as they are. */
export const GRACE_MS = 2500;
/** Polls in a row that have to fail before the page doubts what it shows. */
const FAILED_POLLS = 3;

/**
 * @param {State} state
 * @param {number} now page clock
 * @returns {Connection}
 */
export function connectionOf(state, now) {
  const { socket, api } = state;
  const retryIn = socket.state === "waiting" ? Math.max(0, Math.ceil((socket.retryAt - now) / 1000)) : null;
  if (socket.state === "open") return { level: api.failures < FAILED_POLLS ? "live" : "offline", retryIn };
  if (state.status === null) {
    return { level: api.failures === 0 ? "connecting" : "offline", retryIn };
  }
  if (socket.state === "idle" || (socket.state === "connecting" && socket.attempt === 0)) {
    return { level: "connecting", retryIn };
  }
  return { level: now - socket.since < GRACE_MS ? "reconnecting" : "offline", retryIn };
}

/** @typedef {"unknown" | "ok" | "no_reference" | "connecting" | "lost" | "absent" | "never"} RecognizerState */

/**
 * @param {State} state
 * @param {Level} level
 * @returns {RecognizerState}
 */
export function recognizerState(state, level) {
  if (state.status === null || level === "offline") return "unknown";
  const { online, heartbeat } = state.status.recognizer;
  if (heartbeat === null) return "never";
  if (!online) return "absent";
  if (heartbeat.livekit === "connecting" || heartbeat.livekit === "waiting") return "connecting";
  if (heartbeat.livekit !== "connected") return "lost";
  return heartbeat.reference_id === null ? "no_reference" : "ok";
}
