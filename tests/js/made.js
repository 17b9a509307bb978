// @ts-check
/** Makes what the page is told, at seconds counted from one moment. */

/** @import { Card, CheckEvent, CycleSettings, Heartbeat, MatchEvent, Outcome, State, Status, TrackStatus }
 *   from "../../static/types/model.js" */

/** @import { Level } from "../../static/model/connection.js" */

import { cardsOf } from "../../static/model/cards.js";
import { initialState, reduce } from "../../static/model/store.js";

/** Second 0 of every test. */
export const T0 = Date.parse("2025-09-25T14:00:00Z");

/** @param {number} second */
export function at(second) {
  return T0 + second * 1000;
}

/** @param {number} second */
export function iso(second) {
  return new Date(at(second)).toISOString();
}

/** @type {CycleSettings} */
export const SETTINGS = {
  batch_max_frames: 5,
  hold_seconds: 10,
  wait_seconds: 8,
  batch_timeout_seconds: 10,
  match_cooldown_seconds: 3,
  threshold: 0.5,
};

let cursor = 0;

/**
 * @param {string} identity
 * @param {number} second
 */
function common(identity, second) {
  cursor += 1;
  return {
    cursor,
    participant_id: `PA_${identity}`,
    participant_name: identity,
    timestamp: iso(second),
    event_id: `event-${cursor}`,
    room: "room",
    participant_identity: identity,
    track_sid: `TR_${identity}`,
    cycle_id: `cycle-${cursor}`,
    reference_id: "ref-1",
  };
}

/**
 * @param {string} identity
 * @param {number} second
 * @param {Partial<MatchEvent>} [changes]
 * @returns {MatchEvent}
 */
export function match(identity, second, changes = {}) {
  return {
    ...common(identity, second),
    type: "match",
    confidence: 0.6,
    snapshot: `match_${identity}_${second}.jpg`,
    bbox: [10, 60, 50, 20],
    frame_size: [160, 90],
    distance: 0.4,
    threshold: 0.5,
    model: "model",
    person_id: "default",
    person_name: null,
    ...changes,
  };
}

/**
 * @param {string} identity
 * @param {number} second
 * @param {Outcome} outcome
 * @param {Partial<CheckEvent>} [changes]
 * @returns {CheckEvent}
 */
export function check(identity, second, outcome, changes = {}) {
  return {
    ...common(identity, second),
    type: "check",
    match_found: outcome === "match",
    outcome,
    frames: 3,
    faces: 1,
    best_distance: outcome === "match" ? 0.4 : outcome === "no_match" ? 0.8 : null,
    named: null,
    people: [],
    ...changes,
  };
}

/**
 * @param {string} identity
 * @param {TrackStatus["state"]} state
 * @param {Partial<TrackStatus>} [changes]
 * @returns {TrackStatus}
 */
export function track(identity, state, changes = {}) {
  return {
    track_sid: `TR_${identity}`,
    participant_id: `PA_${identity}`,
    participant_identity: identity,
    participant_name: identity,
    state,
    deadline_in: null,
    muted: false,
    ...changes,
  };
}

/**
 * @param {number} second
 * @param {TrackStatus[]} tracks
 * @param {Partial<Heartbeat>} [changes]
 * @returns {Heartbeat}
 */
export function heartbeat(second, tracks, changes = {}) {
  return {
    source: "recognizer",
    room: "room",
    started_at: iso(-100),
    sent_at: iso(second),
    livekit: "connected",
    reference_id: "ref-1",
    reference_error: null,
    settings: SETTINGS,
    tracks,
    counters: {},
    cpu_ratio: 0,
    memory_bytes: 0,
    memory_ratio: 0,
    ...changes,
  };
}

/**
 * A log whose last event has this position.
 *
 * @param {number} last
 * @returns {Status["events"]}
 */
export function log(last) {
  return { count: last, cursor: last, error: null, gaps: { count: 0 } };
}

/**
 * A status asked for at a second, with the heartbeat as old as the two are apart.
 *
 * @param {number} second
 * @param {Heartbeat | null} beat
 * @param {Partial<Status>} [changes]
 * @returns {Status}
 */
export function status(second, beat, changes = {}) {
  const age = beat === null ? null : (at(second) - Date.parse(beat.sent_at)) / 1000;
  return {
    room: "room",
    livekit_url: "ws://livekit",
    reference: { id: "ref-1", updated_at: iso(-50), url: "/reference/current.jpg" },
    settings: SETTINGS,
    recognizer: { online: age !== null && age <= 6, age_seconds: age, heartbeat: beat },
    websocket_clients: 1,
    events: log(cursor),
    erasures: 0,
    server_time: iso(second),
    ...changes,
  };
}

/** A page that is told things, second by second; its clock is right unless it is given another one. */
export class Page {
  /** @type {State} */
  state;

  /** @param {number} [ahead] seconds by which the page's own clock is ahead */
  constructor(ahead = 0) {
    this.ahead = ahead * 1000;
    this.state = initialState(at(0) + this.ahead);
    this.state = reduce(this.state, { type: "socket", socket: { state: "open", since: at(0) + this.ahead } });
  }

  /**
   * @param {Status} answer
   * @param {number} [cursorWhenAsked]
   */
  polled(answer, cursorWhenAsked = 0) {
    const now = Date.parse(answer.server_time) + this.ahead;
    this.state = reduce(this.state, {
      type: "status",
      status: answer,
      askedAt: now,
      receivedAt: now,
      cursorWhenAsked,
    });
    return this;
  }

  /** @param {...(MatchEvent | CheckEvent)} events */
  heard(...events) {
    const messages = events.map((event) => ({ cursor: event.cursor, event }));
    this.state = reduce(this.state, { type: "messages", messages, at: this.state.statusAt });
    return this;
  }

  /**
   * @param {number} second
   * @param {State["roomParticipants"]} participants
   */
  room(second, participants) {
    this.state = reduce(this.state, { type: "room", room: "room", participants, at: at(second) + this.ahead });
    return this;
  }

  /**
   * @param {number} second
   * @param {Level} [level]
   */
  cards(second, level = "live") {
    return cardsOf(this.state, at(second) + this.ahead, level);
  }

  /**
   * The one card of somebody.
   *
   * @param {string} identity
   * @param {number} second
   * @param {Level} [level]
   * @returns {Card}
   */
  card(identity, second, level = "live") {
    const found = this.cards(second, level).find((card) => card.identity === identity);
    if (found === undefined) throw new Error(`no card of ${identity}`);
    return found;
  }
}
