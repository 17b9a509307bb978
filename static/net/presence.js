// @ts-check
/** Who was there, and when. Every failure is an ApiError with a sentence to show. */

/** @import { ParticipantStatistics, PresencePage } from "../types/people.js" */
/**
 * @typedef {object} PresenceQuery
 * @property {number} from ms
 * @property {number} to ms
 * @property {string} [room]
 * @property {string} [identity]
 * @property {string} [person]
 * @property {"participant" | "person"} [by]
 */

import { requestJson } from "./api.js";

const TIMEOUT_MS = 20_000;

/** @param {PresenceQuery} query */
function paramsOf({ from, to, room = "", identity = "", person = "", by = "participant" }) {
  const wanted = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), by, room, identity, person };
  return new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== ""));
}

/**
 * @param {PresenceQuery} query
 * @param {number} limit most intervals
 * @returns {Promise<PresencePage>}
 */
export async function fetchPresence(query, limit) {
  const params = paramsOf(query);
  params.set("looked", "true");
  params.set("limit", String(limit));
  return /** @type {PresencePage} */ (await requestJson(`/api/presence?${params}`, { timeout: TIMEOUT_MS }));
}

/** @param {PresenceQuery} query where the same is as a list for spreadsheets */
export function attendancePath(query) {
  const params = paramsOf(query);
  params.set("format", "csv");
  params.set("limit", "10000");
  return `/api/presence?${params}`;
}

/** @param {string} identity @returns {Promise<ParticipantStatistics>} */
export async function fetchStatistics(identity) {
  const path = `/api/participants/statistics?${new URLSearchParams({ identity })}`;
  return /** @type {ParticipantStatistics} */ (await requestJson(path, { timeout: TIMEOUT_MS }));
}
