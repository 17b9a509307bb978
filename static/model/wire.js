// @ts-check
/** Messages of the event socket: what came over the wire, or null where it is nothing that this page knows. */

/** @import { BBox, CheckEvent, FaceEvent, MatchEvent, Outcome, Size } from "../types/model.js" */

const OUTCOMES = new Set([
  "match",
  "no_match",
  "no_face",
  "no_frames",
  "muted",
  "encrypted",
  "denied",
  "too_large",
  "no_reference",
  "error",
]);

/**
 * A message's cursor and, when it is a Match or a Check, its event. Other types (a later server may send more)
 * still move the cursor.
 *
 * @param {unknown} data the message's text
 * @returns {{ cursor: number, event: FaceEvent | null } | null}
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
 * @param {Omit<CheckEvent, "type" | "match_found" | "outcome" | "frames" | "faces" | "best_distance">} common
 * @returns {CheckEvent}
 */
function toCheck(message, common) {
  const outcome = text(message["outcome"]);
  return {
    ...common,
    type: "check",
    match_found: message["match_found"] === true,
    outcome: outcome !== null && OUTCOMES.has(outcome) ? /** @type {Outcome} */ (outcome) : null,
    frames: finite(message["frames"]),
    faces: finite(message["faces"]),
    best_distance: finite(message["best_distance"]),
  };
}

/**
 * @param {Record<string, unknown>} message
 * @param {Omit<MatchEvent, "type" | "confidence" | "snapshot" | "bbox" | "frame_size" | "distance" | "threshold"
 *   | "model">} common
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
  };
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
 * How a batch ended; senders that know only the first contract tell no more than whether it matched.
 *
 * @param {CheckEvent} check
 * @returns {Outcome}
 */
export function outcomeOf(check) {
  return check.outcome ?? (check.match_found ? "match" : "no_match");
}
