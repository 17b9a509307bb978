// @ts-check
/** The activity list: which entries a filter keeps, and how one reads. */

/** @import { ActivityEntry, CardState, CheckEvent, MatchEvent } from "../types/model.js" */

import { OUTCOMES, WORDS } from "./states.js";
import { counted, displayName, figure } from "./text.js";
import { identityOf, outcomeOf, whoOf } from "./wire.js";

/** @typedef {"all" | "match" | "check" | "no_match"} Kind */
/** @typedef {{ kind: Kind, identity: string }} Filter identity "" for everybody */

/** @type {Filter} */
export const NO_FILTER = { kind: "all", identity: "" };

/** @type {readonly { kind: Kind, label: string }[]} */
export const KINDS = [
  { kind: "all", label: "Everything" },
  { kind: "match", label: "Matches" },
  { kind: "check", label: "Checks" },
  { kind: "no_match", label: "Checks without a match" },
];

/**
 * @param {readonly ActivityEntry[]} entries
 * @param {Filter} filter
 * @returns {readonly ActivityEntry[]}
 */
export function filtered(entries, filter) {
  if (filter.kind === "all" && filter.identity === "") return entries;
  return entries.filter(({ event }) => {
    if (filter.identity !== "" && identityOf(event) !== filter.identity) return false;
    if (filter.kind === "all") return true;
    if (filter.kind === "no_match") return event.type === "check" && !event.match_found;
    return event.type === filter.kind;
  });
}

/**
 * Everybody that the list names, by name.
 *
 * @param {readonly ActivityEntry[]} entries
 * @returns {{ identity: string, name: string }[]}
 */
export function namesIn(entries) {
  /** @type {Map<string, string>} */
  const names = new Map();
  for (const { event } of entries) {
    const identity = identityOf(event);
    if (!names.has(identity)) names.set(identity, event.participant_name);
  }
  return [...names]
    .map(([identity, name]) => ({ identity, name }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

/**
 * How an entry reads: the state that gives its colour and icon, its words, and the detail behind them.
 *
 * @param {ActivityEntry} entry
 * @returns {{ state: CardState, words: string, detail: string }}
 */
export function reading({ event }) {
  if (event.type === "match") {
    const who = whoOf(event);
    const detail = who === "" ? figure(event.confidence) : `${displayName(who)} ${figure(event.confidence)}`;
    return { state: "match", words: WORDS.match, detail };
  }
  const outcome = outcomeOf(event);
  const words = outcome === "match" ? "Check: match" : OUTCOMES[outcome].words;
  return { state: OUTCOMES[outcome].state, words, detail: checkDetail(event) };
}

/** @param {CheckEvent} event */
function checkDetail(event) {
  if (outcomeOf(event) === "no_match" && event.best_distance !== null)
    return `· ${figure(1 - event.best_distance)}`;
  if (event.frames === null || event.frames === 0) return "";
  return `· ${counted(event.frames, "frame")}`;
}

/**
 * The matches with a snapshot just newer and just older than one of them.
 *
 * @param {readonly ActivityEntry[]} entries newest first
 * @param {MatchEvent} event
 * @returns {{ newer: MatchEvent | null, older: MatchEvent | null }}
 */
export function beside(entries, event) {
  const pictures = entries.flatMap(({ event: other }) =>
    other.type === "match" && other.snapshot !== null ? other : [],
  );
  const index = pictures.findIndex((other) => other === event || (event.event_id !== null && other.event_id === event.event_id));
  if (index < 0) return { newer: null, older: null };
  return { newer: pictures[index - 1] ?? null, older: pictures[index + 1] ?? null };
}
