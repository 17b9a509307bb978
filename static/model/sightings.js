// @ts-check
/** How a line of what happened reads. */

/** @import { CardState } from "../types/model.js" */
/** @import { SightingLine } from "../types/people.js" */

import { DEFAULT_PERSON, OF_THE_PHOTO } from "./persons.js";
import { OUTCOMES, WORDS, isOutcome } from "./states.js";
import { counted, displayName, duration, figure, isolated, listed } from "./text.js";

/**
 * @param {SightingLine} line
 * @returns {{ state: CardState, words: string, who: string, detail: string }} who: names that belong behind the words
 */
export function lineReading(line) {
  const seconds = Math.max(0, (Date.parse(line.until) - Date.parse(line.began)) / 1000);
  const lasted = seconds < 1 ? "" : duration(seconds);
  switch (line.kind) {
    case "sighting": {
      const best = line.best === null ? "" : `best ${figure(line.best)}`;
      const detail = [lasted, best, counted(line.looks, "look")].filter(Boolean).join(" · ");
      if (line.people.length === 0) return { state: "no_match", words: "Seen, no match", who: "", detail };
      return { state: "match", words: line.going_on ? "Matching" : WORDS.match, who: namesOf(line), detail };
    }
    case "unseen": {
      const { state, words } = unseen(line.reason ?? "");
      return { state, words, who: "", detail: lasted };
    }
    case "said":
      return { state: "looking", ...saidWords(line), detail: isOfNobody(line) || line.event === null ? "" : `by ${isolated(displayName(line.event.by))}` };
    default:
      return { state: "offline", words: line.kind === "joined" ? "Joined" : WORDS.left, who: "", detail: "" };
  }
}

/** @param {string} reason an outcome, or what a later recognizer says */
function unseen(reason) {
  return isOutcome(reason) ? OUTCOMES[reason] : OUTCOMES.error;
}

/** @param {SightingLine} line whether it is about no participant, but about who looks after the room */
export function isOfNobody({ event }) {
  return event?.type === "viewing" || event?.type === "audit";
}

/** What an operator did, by `change`. A later server may say others. */
/** @type {Readonly<Record<string, string>>} */
const AUDITED = {
  signed_in: "Signed in",
  signed_out: "Signed out",
  all_signed_out: "Signed everybody out",
  reference_replaced: "Changed the reference photo",
  reference_erased: "Erased the reference photo",
  photos_added: "Added photos of",
  photos_imported: "Imported photos of people",
  photo_deleted: "Deleted a photo of",
  people_merged: "Merged somebody into",
  person_split: "Split photos off",
};

/** @param {SightingLine} line */
function saidWords({ event }) {
  const who = event?.person_id == null ? "" : personWords(event.person_name ?? null);
  if (event?.type === "audit") return { words: AUDITED[event.change] ?? "Changed something", who };
  if (event?.type === "viewing") return { words: event.change === "began" ? "Watches the room" : "No longer watches the room", who: "" };
  if (event?.change === "bound") return { words: "Supposed to be", who };
  return { words: event?.change === "acknowledged" ? "Changed face seen to" : "Supposed to be nobody", who: "" };
}

/** @param {SightingLine} line */
function namesOf({ people }) {
  return listed(people.map(({ person_id: id, person_name: name }) => (id === DEFAULT_PERSON ? personWords(null) : personWords(name, "somebody erased"))));
}

/** @param {string | null} name @param {string} [nobody] */
function personWords(name, nobody = OF_THE_PHOTO) {
  return name === null ? nobody : displayName(name);
}
