// @ts-check
/**
 * Presence as strips of a day: when somebody was seen, when they may have been there, and when nobody looked, which is
 * another thing than not having been seen. All places are fractions of the strip, 0 to 1. Pure.
 */

/** @import { PresenceInterval, PresencePage } from "../types/people.js" */
/**
 * @typedef {{ from: number, to: number }} Stretch ms
 * @typedef {{ left: number, width: number }} Span
 * @typedef {{ seen: Span, maybe: Span, interval: PresenceInterval }} Stay
 */
/**
 * @typedef {object} Line
 * @property {string} key
 * @property {string} id a participant's identity or a person's id
 * @property {string} name
 * @property {string} room
 * @property {readonly Stay[]} stays
 * @property {readonly Span[]} unlooked nobody looked then
 * @property {number} looks that saw them
 * @property {number} seconds
 */

import { DEFAULT_PERSON } from "./persons.js";
import { counted, displayName, duration } from "./text.js";

/** Thinner than this a span cannot be seen. */
const LEAST = 0.0015;
/** Between two stretches of looks that are closer than this nothing is said: the next look was on its way. */
const PAUSE_MS = 90_000;

/**
 * A day where the reader is.
 *
 * @param {string} day `2026-11-26`
 * @returns {Stretch | null} null: it is no day
 */
export function dayOf(day) {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  if (parts === null) return null;
  const [year = 0, month = 0, date = 0] = parts.slice(1).map(Number);
  const from = new Date(year, month - 1, date);
  if (from.getMonth() !== month - 1 || from.getDate() !== date) return null;
  return { from: from.getTime(), to: new Date(year, month - 1, date + 1).getTime() };
}

/** @param {number} at ms; the day as an address has it, where the reader is */
export function dayText(at) {
  const date = new Date(at);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** @param {string} day @param {number} days */
export function dayBeside(day, days) {
  const [year = 0, month = 0, date = 0] = day.split("-").map(Number);
  return dayText(new Date(year, month - 1, date + days).getTime());
}

/**
 * The part of a day in which anything is known, so that a morning is not a twentieth of its strip: whole hours.
 *
 * @param {Stretch} day
 * @param {PresencePage} page
 * @returns {Stretch}
 */
export function busyPart(day, page) {
  const moments = [
    ...page.intervals.flatMap((one) => [Date.parse(one.arrived_by), Date.parse(one.seen_until)]),
    ...(page.looked ?? []).flatMap((one) => [Date.parse(one.from), Date.parse(one.to)]),
  ].filter((at) => at >= day.from && at <= day.to);
  if (moments.length === 0) return day;
  const hour = 3_600_000;
  const first = day.from + Math.floor((Math.min(...moments) - day.from) / hour) * hour;
  const last = day.from + Math.ceil((Math.max(...moments) + 1 - day.from) / hour) * hour;
  return { from: first, to: Math.min(day.to, Math.max(last, first + hour)) };
}

/**
 * @param {Stretch} within
 * @param {number} from
 * @param {number} to
 * @returns {Span | null}
 */
export function spanOf(within, from, to) {
  const length = within.to - within.from;
  const begins = Math.max(from, within.from);
  const ends = Math.min(to, within.to);
  if (ends < begins || begins >= within.to || length <= 0) return null;
  const width = Math.max((ends - begins) / length, LEAST);
  return { left: Math.min((begins - within.from) / length, 1 - width), width };
}

/**
 * @param {PresenceInterval} interval
 * @param {Stretch} within
 * @returns {Stay | null}
 */
function stayOf(interval, within) {
  const arrived = Date.parse(interval.arrived_by);
  const until = Date.parse(interval.seen_until);
  const seen = spanOf(within, arrived, until);
  const after = interval.arrived_after === null ? arrived : Date.parse(interval.arrived_after);
  const before = interval.left_before === null ? until : Date.parse(interval.left_before);
  const maybe = spanOf(within, after, before);
  return seen === null || maybe === null ? null : { seen, maybe, interval };
}

/**
 * The time of a stretch in which nobody looked.
 *
 * @param {readonly Stretch[]} looked in any order
 * @param {Stretch} within
 * @param {number} now ms: of later nothing is said
 * @returns {Span[]}
 */
export function unlookedOf(looked, within, now) {
  const ends = Math.min(within.to, now);
  /** @type {Span[]} */
  const found = [];
  let at = within.from;
  const gap = (/** @type {number} */ until, /** @type {number} */ least) => {
    const span = until - at > least ? spanOf(within, at, until) : null;
    if (span !== null) found.push(span);
  };
  for (const { from, to } of [...looked].sort((one, other) => one.from - other.from)) {
    if (to < within.from || from > ends) continue;
    gap(Math.min(from, ends), at === within.from ? 0 : PAUSE_MS);
    at = Math.max(at, to);
  }
  if (at < ends) gap(ends, at === within.from ? 0 : PAUSE_MS);
  return found;
}

/**
 * One line for each participant, or person, and room, by name; where somebody was looked for and not seen, too.
 *
 * @param {PresencePage} page
 * @param {Stretch} within
 * @param {number} now ms
 * @param {"participant" | "person"} by
 * @returns {Line[]}
 */
export function linesOf(page, within, now, by) {
  /** @type {Map<string, { id: string, name: string, room: string, intervals: PresenceInterval[] }>} */
  const groups = new Map();
  if (by === "participant") {
    for (const { room, participant_identity: identity } of page.looked ?? []) {
      if (identity === null) continue;
      const where = room ?? "";
      groups.set(`${where}\n${identity}`, { id: identity, name: displayName(identity), room: where, intervals: [] });
    }
  }
  for (const interval of page.intervals) {
    const id = by === "person" ? (interval.person_id ?? "") : interval.participant_identity;
    const name = by === "person" ? personName(interval) : displayName(interval.participant_name, id);
    const room = interval.room ?? "";
    const group = groups.get(`${room}\n${id}`) ?? { id, name, room, intervals: [] };
    groups.set(`${room}\n${id}`, { ...group, name, intervals: [...group.intervals, interval] });
  }
  /** @type {Map<string, Stretch[]>} */
  const looked = new Map();
  for (const { room, participant_identity: identity, from, to } of page.looked ?? []) {
    const key = `${room ?? ""}\n${by === "person" ? "" : (identity ?? "")}`;
    looked.set(key, [...(looked.get(key) ?? []), { from: Date.parse(from), to: Date.parse(to) }]);
  }
  return [...groups]
    .map(([key, { id, name, room, intervals }]) => {
      const looks = looked.get(by === "person" ? `${room}\n` : `${room}\n${id}`) ?? [];
      const stays = intervals.map((interval) => stayOf(interval, within)).filter((stay) => stay !== null);
      return {
        key,
        id,
        name,
        room,
        stays,
        unlooked: unlookedOf(looks, within, now),
        looks: intervals.reduce((sum, one) => sum + one.looks, 0),
        seconds: intervals.reduce((sum, one) => sum + one.seconds, 0),
      };
    })
    .sort((one, other) => one.name.localeCompare(other.name) || one.room.localeCompare(other.room));
}

/** @param {PresenceInterval} interval */
export function personName(interval) {
  if (interval.person_name !== null) return displayName(interval.person_name);
  return interval.person_id === DEFAULT_PERSON ? "Reference photo" : "Somebody erased";
}

/**
 * Ticks of whole hours, as many as fit.
 *
 * @param {Stretch} within
 * @returns {{ at: number, left: number }[]} at in ms
 */
export function ticksOf(within) {
  const hours = (within.to - within.from) / 3_600_000;
  const step = hours <= 6 ? 1 : hours <= 12 ? 2 : hours <= 18 ? 3 : 6;
  const first = new Date(within.from).getHours();
  /** @type {{ at: number, left: number }[]} */
  const ticks = [];
  for (let hour = 0; hour < hours; hour += 1) {
    const at = within.from + hour * 3_600_000;
    if ((first + hour) % step === 0) ticks.push({ at, left: (at - within.from) / (within.to - within.from) });
  }
  return ticks;
}

/** @param {Pick<Line, "looks" | "seconds" | "stays">} line in few words */
export function lineWords({ looks, seconds, stays }) {
  if (stays.length === 0) return "not seen";
  const times = stays.length === 1 ? "" : `${counted(stays.length, "time")}, `;
  return `seen ${times}${duration(seconds)} in ${counted(looks, "look")}`;
}

/** What ended a stay, in words. */
/** @type {Readonly<Record<string, string>>} */
export const ENDED = {
  not_seen: "not seen any more",
  left: "left the room",
  joined: "joined anew",
  watch_lost: "nobody looked any more",
  watch_began: "the recognizer began anew",
  camera_gone: "the camera went",
  evidence_restarted: "looked at anew",
  muted: "camera switched off",
  no_frames: "no video arrived",
  encrypted: "encrypted",
  denied: "not shared",
  too_large: "frames too large",
  no_reference: "no reference",
  error: "a look failed",
};
