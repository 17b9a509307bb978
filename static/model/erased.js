// @ts-check
/** What goes from the page's own memory when the server has erased something: nothing else than went there. */

/** @import { ActivityEntry, FaceEvent, MatchEvent, Person } from "../types/model.js" */
/** @import { People } from "./people.js" */

import { identityOf } from "./wire.js";

/**
 * Everything of a participant, or everything that was made with a reference.
 *
 * @typedef {{ identity: string } | { referenceId: string }} Erased
 */

/**
 * @param {FaceEvent} event
 * @param {Erased} erased
 * @returns {boolean}
 */
export function isOf(event, erased) {
  return "identity" in erased
    ? identityOf(event) === erased.identity
    : event.reference_id === erased.referenceId;
}

/**
 * @param {People} people
 * @param {Erased} erased
 * @param {readonly ActivityEntry[]} left the entries that are left, newest first
 * @returns {People}
 */
export function peopleWithout(people, erased, left) {
  if ("identity" in erased) return new Map([...people].filter(([identity]) => identity !== erased.identity));
  /** @type {Map<string, Person>} */
  const next = new Map();
  for (const [identity, person] of people) {
    const after = withoutReference(person, erased.referenceId, left);
    // Somebody who has left stays for what is known of them.
    const empty = Object.keys(after.answers).length === 0 && !left.some(({ event }) => identityOf(event) === identity);
    if (after === person || !person.over || !empty) next.set(identity, after);
  }
  return next;
}

/**
 * @param {Person} person
 * @param {string} referenceId
 * @param {readonly ActivityEntry[]} left
 * @returns {Person} the same when nothing of theirs was made with it
 */
function withoutReference(person, referenceId, left) {
  const all = Object.entries(person.answers);
  const answers = all.filter(([, answer]) => answer.referenceId !== referenceId);
  const matched = person.lastMatch?.reference_id === referenceId;
  if (answers.length === all.length && !matched) return person;
  const matching = answers.some(([, answer]) => answer.outcome === "match");
  return {
    ...person,
    answers: Object.fromEntries(answers),
    matchSince: matching ? person.matchSince : null,
    lastMatch: matched ? lastMatchOf(person.identity, left) : person.lastMatch,
  };
}

/**
 * @param {string} identity
 * @param {readonly ActivityEntry[]} entries newest first
 * @returns {MatchEvent | null}
 */
function lastMatchOf(identity, entries) {
  for (const { event } of entries) {
    if (event.type === "match" && identityOf(event) === identity) return event;
  }
  return null;
}
