// @ts-check
/** What somebody has to look at, and saying that they have. Every failure is an ApiError with a sentence to show. */

/** @import { Alarm } from "../model/alarms.js" */

import { requestJson } from "./api.js";

const TIMEOUT_MS = 10_000;
/** Shown at once; how many more there are is said. */
const MOST = 50;

/** @returns {Promise<{ alarms: readonly Alarm[], open: number }>} those that nobody has acknowledged, the newest first */
export async function fetchOpenAlarms() {
  const answer = await requestJson(`/api/alarms?state=open&limit=${MOST}`, { timeout: TIMEOUT_MS });
  return /** @type {{ alarms: Alarm[], open: number }} */ (answer);
}

/** @param {string} id */
export async function acknowledgeAlarm(id) {
  await requestJson(`/api/alarms/${id}/acknowledge`, { timeout: TIMEOUT_MS, method: "POST" });
}

/** @param {string} id @param {"right" | "wrong"} verdict */
export async function judgeAlarm(id, verdict) {
  await requestJson(`/api/alarms/${id}/judge`, { timeout: TIMEOUT_MS, body: { verdict } });
}
