// @ts-check
/** Alarms in words, and which of them are new to this page. */

/** @import { BBox, Size } from "../types/model.js" */

import { counted, displayName } from "./text.js";

/**
 * @typedef {object} Alarm
 * @property {string} id
 * @property {"match" | "someone_else" | "face_changed"} kind
 * @property {string | null} room
 * @property {string} participant_identity
 * @property {string} participant_name
 * @property {string | null} person_id who they are supposed to be
 * @property {string | null} person_name
 * @property {string | null} seen_person_id
 * @property {string | null} seen_person_name
 * @property {string} since
 * @property {string} last_at
 * @property {number} sights
 * @property {{ event_id: string, snapshot: string | null, bbox: BBox, frame_size: Size, timestamp: string,
 *   confidence: number } | null} picture
 */

/** A person without a name is the one of the reference photo. */
const REFERENCE = "the person of the reference photo";

/** @param {string | null} id @param {string | null} name */
function personWords(id, name) {
  return id === null ? "a stranger" : displayName(name ?? "", REFERENCE);
}

/** @param {Alarm} alarm what it says, in one line */
export function alarmWords(alarm) {
  const who = displayName(alarm.participant_name);
  const seen = personWords(alarm.seen_person_id, alarm.seen_person_name);
  if (alarm.kind === "face_changed") return `Face changed: ${who}`;
  if (alarm.kind === "match") return `Match: ${seen} as ${who}`;
  const expected = personWords(alarm.person_id, alarm.person_name);
  return `Someone else as ${expected}: ${seen} (${who})`;
}

/**
 * @param {readonly Alarm[]} alarms
 * @param {ReadonlySet<string>} heard ids that this browser has told already
 */
export function unheard(alarms, heard) {
  return alarms.filter(({ id, kind }) => !heard.has(`${id} ${kind}`));
}

/** @param {readonly Alarm[]} alarms as `unheard` remembers them */
export function heardOf(alarms) {
  return new Set(alarms.map(({ id, kind }) => `${id} ${kind}`));
}

/** @param {string} title @param {number} open how many nobody has acknowledged */
export function titleWith(title, open) {
  return open === 0 ? title : `(${open}) ${title}`;
}

/** @param {number} open */
export function countWords(open) {
  return counted(open, "alarm");
}
