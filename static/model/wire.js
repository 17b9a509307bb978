// @ts-check
/** Messages of the event socket: what came over the wire, or null where it is nothing that this page knows. */

/** @import { BBox, CheckEvent, FaceEvent, MatchEvent, Outcome, Size } from "../types/model.js" */

import { DEFAULT_PERSON } from "./persons.js";
import { isOutcome } from "./states.js";
import { listed } from "./text.js";

/**
 * A message's cursor and, when it is a Match or a Check, its event. Other types (a later server may send more)
 * still move the cursor; that something became of an alarm is said, or of somebody's identity in a room, and the server
 * asked.
 *
 * @param {unknown} data the message's text
 * @returns {{ cursor: number, event: FaceEvent | null, alarm?: true, identityIn?: string } | null}
 */
export function parseMessage(data) {
  if (typeof data !== "string") return null;
  /** @type {unknown} */
  let raw;
  try {
    raw = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof raw !== "object" || raw === null) return null;
  const message = /** @type {Record<string, unknown>} */ (raw);
  const cursor = finite(message["cursor"]) ?? 0;
  if (message["type"] === "alarm") return { cursor, event: null, alarm: true };
  if (message["type"] === "identity") return { cursor, event: null, identityIn: text(message["room"]) ?? "" };
  return { cursor, event: toEvent(message, cursor) };
}

/**
 * @param {Record<string, unknown>} message
 * @param {number} cursor
 * @returns {FaceEvent | null}
 */
function toEvent(message, cursor) {
  const timestamp = text(message["timestamp"]);
  const participantId = text(message["participant_id"]);
  const name = text(message["participant_name"]) ?? participantId;
  if (timestamp === null || participantId === null || name === null) return null;
  if (!Number.isFinite(Date.parse(timestamp))) return null;
  const common = {
    cursor,
    timestamp,
    participant_id: participantId,
    participant_name: name,
    event_id: text(message["event_id"]),
    room: text(message["room"]),
    participant_identity: text(message["participant_identity"]),
    track_sid: text(message["track_sid"]),
    cycle_id: text(message["cycle_id"]),
    reference_id: text(message["reference_id"]),
  };
  if (message["type"] === "check") return toCheck(message, common);
  if (message["type"] === "match") return toMatch(message, common);
  return null;
}

/**
 * @param {Record<string, unknown>} message
 * @param {Omit<CheckEvent, "type" | "match_found" | "outcome" | "frames" | "faces" | "best_distance"
 *   | "named" | "people">} common
 * @returns {CheckEvent}
 */
function toCheck(message, common) {
  const outcome = text(message["outcome"]);
  return {
    ...common,
    type: "check",
    match_found: message["match_found"] === true,
    outcome: outcome !== null && isOutcome(outcome) ? outcome : null,
    frames: finite(message["frames"]),
    faces: finite(message["faces"]),
    best_distance: finite(message["best_distance"]),
    named: texts(message["named"]),
    people: people(message["people"]),
  };
}

/**
 * @param {Record<string, unknown>} message
 * @param {Omit<MatchEvent, "type" | "confidence" | "snapshot" | "bbox" | "frame_size" | "distance" | "threshold"
 *   | "model" | "person_id" | "person_name">} common
 * @returns {MatchEvent | null}
 */
function toMatch(message, common) {
  const confidence = finite(message["confidence"]);
  const bbox = numbers(message["bbox"], 4);
  const size = numbers(message["frame_size"], 2);
  if (confidence === null || bbox === null || size === null) return null;
  return {
    ...common,
    type: "match",
    confidence,
    bbox: /** @type {BBox} */ (/** @type {unknown} */ (bbox)),
    frame_size: /** @type {Size} */ (/** @type {unknown} */ (size)),
    snapshot: text(message["snapshot"]),
    distance: finite(message["distance"]),
    threshold: finite(message["threshold"]),
    model: text(message["model"]),
    person_id: text(message["person_id"]),
    person_name: text(message["person_name"]),
  };
}

/** @param {unknown} value */
function texts(value) {
  return Array.isArray(value) ? value.filter((item) => text(item) !== null) : null;
}

/** @param {unknown} value @returns {CheckEvent["people"]} */
function people(value) {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => {
    const { person_id: id, person_name: name } = /** @type {Record<string, unknown>} */ (item ?? {});
    const personId = text(id);
    return personId === null ? [] : [{ person_id: personId, person_name: text(name) }];
  });
}

/** @param {unknown} value */
function text(value) {
  return typeof value === "string" && value !== "" ? value : null;
}

/** @param {unknown} value */
function finite(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/**
 * @param {unknown} value
 * @param {number} length
 * @returns {number[] | null}
 */
function numbers(value, length) {
  if (!Array.isArray(value) || value.length !== length) return null;
  return value.every((item) => finite(item) !== null) ? /** @type {number[]} */ (value) : null;
}

/**
 * Who an event is about: the identity where the sender tells it, else the name, else the sid.
 *
 * @param {{ participant_identity: string | null, participant_name: string, participant_id: string }} event
 */
export function identityOf(event) {
  return event.participant_identity ?? (event.participant_name || event.participant_id);
}

/**
 * Who of the gallery a face was recognized as, and never who it merely resembles; "" for the person of the reference
 * photo, who has no name.
 *
 * @param {FaceEvent} event
 */
export function whoOf(event) {
  if (event.type === "match") return event.person_name ?? "";
  const names = new Map(event.people.map(({ person_id: id, person_name: name }) => [id, name]));
  return listed((event.named ?? []).map((id) => names.get(id) ?? "").filter((name) => name !== ""));
}

/** @param {MatchEvent} match whether it is the person of the reference photo */
export function isOfReference({ person_id: person }) {
  return person === null || person === DEFAULT_PERSON;
}

/**
 * How a batch ended; senders that know only the first contract tell no more than whether it matched.
 *
 * @param {CheckEvent} check
 * @returns {Outcome}
 */
export function outcomeOf(check) {
  return check.outcome ?? (check.match_found ? "match" : "no_match");
}
