// @ts-check
/** What somebody has to look at, and saying that they have. Every failure is an ApiError with a sentence to show. */

/** @import { Alarm, Alarms } from "../model/alarms.js" */

import { requestJson } from "./api.js";

const TIMEOUT_MS = 10_000;
/** Shown at once; how many more there are is said. */
const MOST = 50;
/** Of those that somebody has looked at. */
const RECENT = 10;

/** @returns {Promise<Alarms>} */
export async function fetchAlarms() {
  const all = await fetchPage("all");
  const isOpen = (/** @type {Alarm} */ alarm) => alarm.acknowledged_by === null;
  const found = all.alarms.filter(isOpen);
  const missing = found.length < Math.min(all.open, MOST); // older than the newest that were looked at
  const listed = missing ? await fetchPage("open") : { alarms: found, open: all.open };
  return { ...listed, recent: all.alarms.filter((alarm) => !isOpen(alarm)).slice(0, RECENT) };
}

/** @param {"all" | "open"} state @returns {Promise<{ alarms: readonly Alarm[], open: number }>} */
async function fetchPage(state) {
  const answer = await requestJson(`/api/alarms?state=${state}&limit=${MOST}`, { timeout: TIMEOUT_MS });
  return /** @type {{ alarms: Alarm[], open: number }} */ (answer);
}

/**
 * @param {string} id
 * @param {string} by what they call themselves, where nobody signs in; "" nothing
 */
export async function acknowledgeAlarm(id, by) {
  await requestJson(`/api/alarms/${id}/acknowledge`, { timeout: TIMEOUT_MS, method: "POST", headers: naming(by) });
}

/**
 * @param {string} id
 * @param {"right" | "wrong"} verdict
 * @param {string} by as of `acknowledgeAlarm`
 */
export async function judgeAlarm(id, verdict, by) {
  await requestJson(`/api/alarms/${id}/judge`, { timeout: TIMEOUT_MS, body: { verdict }, headers: naming(by) });
}

/** @param {string} by @returns {Record<string, string>} */
function naming(by) {
  return by === "" ? {} : { "Operator-Name": encodeURIComponent(by) };
}
