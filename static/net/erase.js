// @ts-check
/** Erasing what is kept of somebody. Every failure is an ApiError with a sentence to show. */

import { requestJson } from "./api.js";

/** The server waits up to 6 s for the recognizer. */
const TIMEOUT_MS = 20_000;

/**
 * @typedef {object} Receipt
 * @property {string} receipt_id
 * @property {string} at
 * @property {number} events
 * @property {number} snapshots
 * @property {number | null} undelivered_events null: the recognizer has not confirmed yet
 * @property {"done" | "pending"} recognizer
 */

/**
 * @param {string} identity
 * @returns {Promise<Receipt>}
 */
export async function eraseParticipant(identity) {
  // In the query: a browser takes `.` and `..` out of a path, whichever way they are written.
  const path = `/api/participants?${new URLSearchParams({ identity })}`;
  return /** @type {Receipt} */ (await requestJson(path, { timeout: TIMEOUT_MS, method: "DELETE" }));
}

/** @returns {Promise<Receipt & { reference_id: string }>} */
export async function eraseReference() {
  return /** @type {Receipt & { reference_id: string }} */ (
    await requestJson("/api/reference", { timeout: TIMEOUT_MS, method: "DELETE" })
  );
}
