// @ts-check
/** Whether what the page shows is current: the event socket and the status polls taken together. */

/** @import { State, Status } from "../types/model.js" */
/** @typedef {"connecting" | "live" | "doubtful" | "reconnecting" | "offline"} Level */
/**
 * @typedef {object} Connection
 * @property {Level} level
 * @property {number | null} retryIn seconds
 * @property {number} silence seconds since the server last said anything
 */

/** A socket that is back this soon missed nothing that the server does not send again: cards stay as they are. */
export const GRACE_MS = 2500;
/** Polls in a row that have to fail before an open socket counts for nothing. */
const FAILED_POLLS = 3;
/** The status is asked for every 2 s: without any news for this long, what is shown may no longer be so. */
export const DOUBT_MS = 6000;
/** A browser lets a page that nobody sees ask as seldom as once a minute. */
export const HIDDEN_DOUBT_MS = 75_000;

/**
 * @param {State} state
 * @param {number} now page clock
 * @param {boolean} [hidden] whether nobody sees the page
 * @returns {Connection}
 */
export function connectionOf(state, now, hidden = false) {
  const { socket, heardAt } = state;
  const retryIn = socket.state === "waiting" ? Math.max(0, Math.ceil((socket.retryAt - now) / 1000)) : null;
  const silentFor = Math.max(0, now - heardAt);
  const level = levelOf(state, now);
  const doubtful = level === "live" && silentFor >= (hidden ? HIDDEN_DOUBT_MS : DOUBT_MS);
  return { level: doubtful ? "doubtful" : level, retryIn, silence: Math.floor(silentFor / 1000) };
}

/**
 * @param {State} state
 * @param {number} now
 * @returns {Level}
 */
function levelOf({ socket, api, status }, now) {
  if (socket.state === "open") return api.failures < FAILED_POLLS ? "live" : "offline";
  if (status === null) return api.failures === 0 ? "connecting" : "offline";
  if (socket.state === "idle" || (socket.state === "connecting" && socket.attempt === 0)) return "connecting";
  return now - socket.since < GRACE_MS ? "reconnecting" : "offline";
}

/**
 * @typedef {"unknown" | "ok" | "rivals" | "no_reference" | "connecting" | "lost" | "absent" | "never"} RecognizerState
 */

/**
 * @param {State} state
 * @param {Level} level
 * @returns {RecognizerState}
 */
export function recognizerState(state, level) {
  if (state.status === null || level === "offline" || level === "doubtful") return "unknown";
  const { online, heartbeat, rivals = 0 } = state.status.recognizer;
  if (heartbeat === null) return "never";
  if (!online) return "absent";
  if (heartbeat.livekit === "connecting" || heartbeat.livekit === "waiting") return "connecting";
  if (heartbeat.livekit !== "connected") return "lost";
  if (rivals > 0) return "rivals";
  return heartbeat.reference_id === null && (state.status.people ?? 0) === 0 ? "no_reference" : "ok";
}

/** @param {Status | null} status whether there is anybody to look for */
export function looksForSomebody(status) {
  return status !== null && (status.reference !== null || (status.people ?? 0) > 0);
}
