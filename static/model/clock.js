// @ts-check
/**
 * Which clock: events carry the recognizer's wall clock, the page has its own, and either may be wrong. Everything
 * that is shown or counted down is reckoned on the recognizer's, reached from the page's by one offset.
 */

/** @import { Status } from "../types/model.js" */

/** Smaller changes are jitter of the network: following them would make countdowns stutter. */
export const JITTER_MS = 250;

/**
 * The offset from the page's clock to the recognizer's, in milliseconds.
 *
 * @param {Status} status
 * @param {number} askedAt page clock when the request left
 * @param {number} receivedAt page clock when the answer came
 * @returns {number}
 */
export function measureOffset(status, askedAt, receivedAt) {
  const serverNow = Date.parse(status.server_time);
  if (!Number.isFinite(serverNow)) return 0;
  return serverNow - (askedAt + receivedAt) / 2 + recognizerAhead(status, serverNow);
}

/**
 * How far the recognizer's clock is ahead of the server's: its heartbeat says when it was sent, the server how
 * long ago that came in.
 *
 * @param {Status} status
 * @param {number} serverNow
 */
function recognizerAhead(status, serverNow) {
  const { heartbeat, age_seconds: age } = status.recognizer;
  if (heartbeat === null || age === null) return 0;
  const sentAt = Date.parse(heartbeat.sent_at);
  return Number.isFinite(sentAt) ? sentAt - (serverNow - age * 1000) : 0;
}

/**
 * The offset to use from now on.
 *
 * @param {number} known
 * @param {number} measured
 */
export function followOffset(known, measured) {
  return Math.abs(measured - known) <= JITTER_MS ? known : measured;
}
