// @ts-check
/** People at the server: listed, added, changed, merged, split, erased. Every failure is an ApiError with a sentence. */

/** @import { PeoplePage, PersonStatistics, PersonWhole, PhotoResult } from "../types/people.js" */
/** @import { Receipt } from "./erase.js" */

import { requestJson } from "./api.js";
import { upload } from "./upload.js";

const TIMEOUT_MS = 15_000;
/** The server waits some seconds for the recognizers. */
const ERASE_TIMEOUT_MS = 30_000;

/** @param {string} id */
function pathOf(id) {
  return `/api/people/${encodeURIComponent(id)}`;
}

/**
 * @param {{ search: string, attention: boolean, offset: number, limit: number }} query
 * @returns {Promise<PeoplePage>}
 */
export async function listPeople({ search, attention, offset, limit }) {
  const query = new URLSearchParams({ search, attention: String(attention), offset: String(offset), limit: String(limit) });
  return /** @type {PeoplePage} */ (await requestJson(`/api/people?${query}`, { timeout: TIMEOUT_MS }));
}

/** @param {string} id @returns {Promise<PersonWhole>} */
export async function fetchPerson(id) {
  return /** @type {PersonWhole} */ (await requestJson(pathOf(id), { timeout: TIMEOUT_MS }));
}

/** @param {string} id @returns {Promise<PersonStatistics>} */
export async function fetchPersonStatistics(id) {
  return /** @type {PersonStatistics} */ (await requestJson(`${pathOf(id)}/statistics`, { timeout: TIMEOUT_MS }));
}

/** @param {string} name @returns {Promise<PersonWhole>} */
export async function addPerson(name) {
  return /** @type {PersonWhole} */ (await requestJson("/api/people", { timeout: TIMEOUT_MS, body: { name } }));
}

/**
 * @param {string} id
 * @param {Record<string, unknown>} change what is not in it stays
 * @returns {Promise<PersonWhole>}
 */
export async function changePerson(id, change) {
  const answer = await requestJson(pathOf(id), { timeout: TIMEOUT_MS, method: "PATCH", body: change });
  return /** @type {PersonWhole} */ (answer);
}

/** @param {string} url of the photo */
export async function removePhoto(url) {
  await requestJson(url, { timeout: TIMEOUT_MS, method: "DELETE" });
}

/**
 * @param {string} id whose the photos of the other are to be
 * @param {string} other
 * @returns {Promise<PersonWhole>}
 */
export async function mergePeople(id, other) {
  const answer = await requestJson(`${pathOf(id)}/merge`, { timeout: TIMEOUT_MS, body: { from: other } });
  return /** @type {PersonWhole} */ (answer);
}

/**
 * @param {string} id
 * @param {readonly string[]} photos somebody else's
 * @param {string} name of a new person; "": the same, or theirs who comes back
 * @returns {Promise<PersonWhole>} the other one
 */
export async function splitPerson(id, photos, name) {
  const body = name === "" ? { photos } : { photos, name };
  return /** @type {PersonWhole} */ (await requestJson(`${pathOf(id)}/split`, { timeout: TIMEOUT_MS, body }));
}

/** @param {string} id @returns {Promise<Receipt & { photos: number }>} */
export async function erasePerson(id) {
  const answer = await requestJson(pathOf(id), { timeout: ERASE_TIMEOUT_MS, method: "DELETE" });
  return /** @type {Receipt & { photos: number }} */ (answer);
}

/** @param {string} id where everything that is held about a person can be fetched */
export function exportPath(id) {
  return `${pathOf(id)}/export`;
}

/**
 * @param {string} id whose photo it is
 * @param {File} file
 * @param {readonly string[]} anyway codes for which it is taken all the same
 * @param {(fraction: number) => void} onProgress see `upload`
 * @returns {{ done: Promise<PhotoResult>, abort: () => void }}
 */
export function sendPhoto(id, file, anyway, onProgress) {
  const query = new URLSearchParams(anyway.map((code) => ["anyway", code])).toString();
  const path = `${pathOf(id)}/photos${query === "" ? "" : `?${query}`}`;
  const { done, abort } = upload(path, "files", file, onProgress);
  const first = done.then((answer) => /** @type {{ results: [PhotoResult] }} */ (answer).results[0]);
  return { done: first, abort };
}
