// @ts-check
/** Alarms in words, and which of them are new to this page. */

/** @import { BBox, ReferenceStatus, Size } from "../types/model.js" */

import { DEFAULT_PERSON, OF_THE_PHOTO, faceUrl } from "./persons.js";
import { WORDS } from "./states.js";
import { displayName, isolated, partsOf } from "./text.js";

/**
 * @typedef {object} Alarm
 * @property {string} id
 * @property {"match" | "someone_else" | "face_changed"} kind
 * @property {string | null} room
 * @property {string} participant_identity
 * @property {string} participant_name
 * @property {string | null} person_id who they are supposed to be
 * @property {string | null} person_name
 * @property {string | null} [person_portrait] one of their photos
 * @property {string | null} seen_person_id
 * @property {string | null} seen_person_name
 * @property {string | null} [seen_person_portrait]
 * @property {string} since
 * @property {string} last_at
 * @property {number} sights
 * @property {string | null} acknowledged_by
 * @property {string | null} acknowledged_at
 * @property {"right" | "wrong" | null} verdict
 * @property {{ event_id: string, snapshot: string | null, bbox: BBox, frame_size: Size, timestamp: string,
 *   confidence: number } | null} picture
 */

/**
 * @typedef {object} Alarms
 * @property {readonly Alarm[]} alarms that nobody has acknowledged, the newest first; not all, if they are many
 * @property {number} open how many there are
 * @property {readonly Alarm[]} recent that somebody has looked at
 */

/** Pixels of a portrait beside a snapshot, for dense screens, too. */
const SIDE = 192;

/** @param {string | null} id @param {string | null} name null: the person of the reference photo has none */
function person(id, name) {
  if (id === null) return "a stranger";
  const shown = displayName(name ?? "", "");
  return shown === "" ? OF_THE_PHOTO : isolated(shown);
}

/** @param {Alarm} alarm what it says, with isolated names */
export function alarmSentence(alarm) {
  const who = isolated(displayName(alarm.participant_name));
  const seen = person(alarm.seen_person_id, alarm.seen_person_name);
  if (alarm.kind === "face_changed") return `${WORDS.face_changed}: ${who}`;
  if (alarm.kind === "match") return `${WORDS.match}: ${seen} as ${who}`;
  return `${WORDS.someone_else} as ${person(alarm.person_id, alarm.person_name)}: ${seen} (${who})`;
}

/** @param {Alarm} alarm the same, where there is but text */
export function alarmWords(alarm) {
  return partsOf(alarmSentence(alarm))
    .map(({ text }) => text)
    .join("");
}

/**
 * @typedef {object} Compared a photo to hold the snapshot against
 * @property {string} url
 * @property {string} role what they are in the alarm
 * @property {string} name "" the reference photo's person
 * @property {string} at when the reference photo was added; "" of others
 */

/**
 * The photos of who was seen and of who should have been. The reference photo only as it was compared with: one that
 * came later shows somebody else.
 *
 * @param {Alarm} alarm
 * @param {ReferenceStatus | null} reference
 * @returns {readonly Compared[]}
 */
export function comparedWith(alarm, reference) {
  const seen = {
    id: alarm.seen_person_id,
    name: alarm.seen_person_name,
    portrait: alarm.seen_person_portrait ?? null,
    role: "Seen",
  };
  const expected = {
    id: alarm.person_id,
    name: alarm.person_name,
    portrait: alarm.person_portrait ?? null,
    role: "Expected",
  };
  const both = seen.id === expected.id ? [expected] : [seen, expected];
  const moment = Date.parse(alarm.picture?.timestamp ?? alarm.since);
  return both.flatMap(({ id, name, portrait, role }) => {
    if (portrait !== null) return [{ url: faceUrl(portrait, SIDE), role, name: displayName(name ?? ""), at: "" }];
    if (id !== DEFAULT_PERSON || reference === null || Date.parse(reference.updated_at) > moment) return [];
    return [{ url: reference.url, role, name: "", at: reference.updated_at }];
  });
}

/** @param {Alarm} alarm what makes it news: it may turn out to be of another kind */
export function alarmKey({ id, kind }) {
  return `${id} ${kind}`;
}

/**
 * @param {readonly Alarm[]} alarms
 * @param {ReadonlySet<string>} heard keys of those that this browser has told already
 */
export function unheard(alarms, heard) {
  return alarms.filter((alarm) => !heard.has(alarmKey(alarm)));
}

/** @param {readonly Alarm[]} alarms as `unheard` remembers them */
export function heardOf(alarms) {
  return new Set(alarms.map(alarmKey));
}

/** @param {string} title @param {number} open how many nobody has acknowledged */
export function titleWith(title, open) {
  return open === 0 ? title : `(${open}) ${title}`;
}
