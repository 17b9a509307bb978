// @ts-check
/** What happened, page by page, from the log. Every failure is an ApiError with a sentence to show. */

/** @import { MatchEvent } from "../types/model.js" */
/** @import { SightingLine } from "../types/people.js" */
/**
 * @typedef {object} HappenedQuery
 * @property {number | null} from ms; null: from the beginning
 * @property {number | null} to ms; null: until now
 * @property {string} room
 * @property {string} identity
 * @property {string} person
 */
/** @typedef {{ matches: MatchEvent[], older: number | null }} MatchesPage */
/** @typedef {{ lines: SightingLine[], older: number | null }} SightingsPage */

import { requestJson } from "./api.js";

const TIMEOUT_MS = 20_000;
/** Lines of one page. */
const PAGE = 50;

/** @param {HappenedQuery} query @param {Record<string, string>} more */
function paramsOf({ from, to, room, person }, more) {
  const moments = { from: from === null ? "" : new Date(from).toISOString(), to: to === null ? "" : new Date(to).toISOString() };
  return new URLSearchParams(Object.entries({ ...moments, room, person, ...more }).filter(([, value]) => value !== ""));
}

/** @param {HappenedQuery} query */
function ofMatches(query) {
  return { type: "match", order: "desc", participant: query.identity };
}

/**
 * @param {HappenedQuery} query
 * @param {number | null} before where the page before this one ended; null: the newest
 * @returns {Promise<MatchesPage>}
 */
export async function fetchMatches(query, before) {
  const params = paramsOf(query, { ...ofMatches(query), limit: String(PAGE), before: before === null ? "" : String(before) });
  const answer = /** @type {{ events: MatchEvent[], next_before: number | null }} */ (
    await requestJson(`/api/events?${params}`, { timeout: TIMEOUT_MS })
  );
  return { matches: answer.events, older: answer.next_before };
}

/** @param {HappenedQuery} query where the same, however much it is, is as a table */
export function matchesTablePath(query) {
  return `/api/events?${paramsOf(query, { ...ofMatches(query), format: "csv" })}`;
}

/** @param {HappenedQuery} query the same of sightings */
export function sightingsTablePath(query) {
  return `/api/sightings?${paramsOf(query, { identity: query.identity, format: "csv" })}`;
}

/**
 * @param {HappenedQuery} query
 * @param {number | null} before
 * @param {number} [limit]
 * @returns {Promise<SightingsPage>}
 */
export async function fetchSightings(query, before, limit = PAGE) {
  const more = { identity: query.identity, limit: String(limit), before: before === null ? "" : String(before) };
  const answer = /** @type {{ lines: SightingLine[], next_before: number | null }} */ (
    await requestJson(`/api/sightings?${paramsOf(query, more)}`, { timeout: TIMEOUT_MS })
  );
  return { lines: answer.lines, older: answer.next_before };
}
