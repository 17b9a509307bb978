// @ts-check
/** Faces that are nobody's, at the server. Every failure is an ApiError with a sentence. */

/** @import { Assigned, UnknownsPage } from "../types/people.js" */

import { requestJson } from "./api.js";

const TIMEOUT_MS = 15_000;

/** @returns {Promise<UnknownsPage>} */
export async function listUnknowns() {
  return /** @type {UnknownsPage} */ (await requestJson("/api/unknowns", { timeout: TIMEOUT_MS }));
}

/**
 * @param {string} id
 * @param {{ person_id: string } | { name: string }} whose
 * @param {readonly string[]} anyway codes for which it is taken all the same
 * @returns {Promise<Assigned>}
 */
export async function assignUnknown(id, whose, anyway) {
  const answer = await requestJson(`/api/unknowns/${id}/assign`, { timeout: TIMEOUT_MS, body: { ...whose, anyway } });
  return /** @type {Assigned} */ (answer);
}

/** @param {string} id */
export async function dismissUnknown(id) {
  await requestJson(`/api/unknowns/${id}/dismiss`, { timeout: TIMEOUT_MS, body: {} });
}
