// @ts-check
/** The page's whole state and what changes it: a pure reducer, and the small store that holds its result. */

/** @import { ActivityEntry, FaceEvent, RoomParticipant, Socket, State, Status } from "../types/model.js" */

/** @import { IdentityShown } from "../types/people.js" */

import { followOffset, measureOffset } from "./clock.js";
import { forgotten, seenUntil, withEvents, withRoom, withStatus } from "./participants.js";

/**
 * @typedef {{ type: "status", status: Status, askedAt: number, receivedAt: number, cursorWhenAsked: number }
 *   | { type: "status-failed", at: number }
 *   | { type: "messages", messages: readonly { cursor: number, event: FaceEvent | null }[], at: number }
 *   | { type: "socket", socket: Socket }
 *   | { type: "identities", told: readonly IdentityShown[] }
 *   | { type: "room", participants: readonly RoomParticipant[], at: number }} Action
 */

/** Older entries of the activity list are dropped. */
export const MOST_ACTIVITY = 500;
/** How far back a freshly loaded page asks the log. */
export const HISTORY = 1000;

/** @param {number} now page clock @returns {State} */
export function initialState(now) {
  return {
    status: null,
    statusAt: 0,
    api: { failures: 0, since: now },
    heardAt: now,
    socket: { state: "idle" },
    blindSince: null,
    clockOffset: 0,
    cursor: 0,
    logEpoch: 0,
    participants: new Map(),
    activity: [],
    roomParticipants: [],
    identities: new Map(),
  };
}

/**
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  switch (action.type) {
    case "status":
      return withPoll(state, action);
    case "status-failed":
      return { ...state, api: { failures: state.api.failures + 1, since: failingSince(state, action.at) } };
    case "messages":
      if (action.messages.length === 0) return state;
      return { ...withMessages(state, action.messages), heardAt: action.at };
    case "identities":
      return { ...state, identities: new Map(action.told.map((one) => [one.participant_identity, one])) };
    case "socket":
      return { ...state, socket: action.socket };
    case "room": {
      const now = action.at + state.clockOffset;
      const participants = withRoom(seenUntil(state.participants, state.roomParticipants, now), action.participants, now);
      return { ...state, roomParticipants: action.participants, participants };
    }
  }
}

/**
 * @param {State} state
 * @param {Extract<Action, { type: "status" }>} action
 * @returns {State}
 */
function withPoll(state, { status, askedAt, receivedAt, cursorWhenAsked }) {
  const measured = measureOffset(status, askedAt, receivedAt);
  const clockOffset = state.status === null ? measured : followOffset(state.clockOffset, measured);
  const now = receivedAt + clockOffset;
  const first = state.status === null;
  const restarted = !first && status.events.cursor < cursorWhenAsked;
  const erased = state.status !== null && status.erasures !== state.status.erasures;
  const known = erased ? emptied(state) : state;
  const cursor = first || erased ? Math.max(0, status.events.cursor - HISTORY) : state.cursor;
  return {
    ...known,
    status,
    statusAt: receivedAt,
    heardAt: receivedAt,
    api: state.api.failures === 0 ? state.api : { failures: 0, since: receivedAt },
    blindSince: seesRoom(status) ? null : (state.blindSince ?? receivedAt),
    clockOffset,
    cursor: restarted ? 0 : cursor,
    logEpoch: state.logEpoch + (restarted || erased ? 1 : 0),
    participants: withStatus(withRoom(known.participants, state.roomParticipants, now), status, now),
  };
}

/**
 * What the page remembers may have been erased meanwhile, here or on another page: it reads the log again.
 *
 * @param {State} state
 * @returns {State}
 */
function emptied(state) {
  return { ...state, activity: [], participants: new Map() };
}

/** @param {Status} status whether the recognizer is in its room, by its last word */
function seesRoom({ recognizer }) {
  return recognizer.online && recognizer.heartbeat?.livekit === "connected";
}

/**
 * @param {State} state
 * @param {readonly { cursor: number, event: FaceEvent | null }[]} messages oldest first
 * @returns {State}
 */
function withMessages(state, messages) {
  let { cursor } = state;
  const known = new Set(state.activity.map((entry) => entry.key));
  /** @type {ActivityEntry[]} */
  const entries = [];
  for (const message of messages) {
    if (message.cursor !== 0 && message.cursor <= cursor) continue;
    cursor = Math.max(cursor, message.cursor);
    if (message.event === null) continue;
    const key = message.event.event_id ?? `${state.logEpoch}:${message.cursor}`;
    if (known.has(key)) continue;
    known.add(key);
    entries.push({ key, at: Date.parse(message.event.timestamp), event: message.event });
  }
  if (entries.length === 0) return cursor === state.cursor ? state : { ...state, cursor };
  const participants = withEvents(
    state.participants,
    entries.map((entry) => entry.event),
  );
  return {
    ...state,
    cursor,
    participants: forgotten(participants, state.statusAt + state.clockOffset),
    activity: [...entries.reverse(), ...state.activity].slice(0, MOST_ACTIVITY),
  };
}

/**
 * @param {State} state
 * @param {number} at
 */
function failingSince(state, at) {
  return state.api.failures === 0 ? at : state.api.since;
}

/** Holds the state; listeners are told once per change and read it when they are ready to. */
export class Store {
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {State} */
  #state;

  /** @param {State} state */
  constructor(state) {
    this.#state = state;
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /** @param {Action} action */
  dispatch(action) {
    const next = reduce(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }

  /**
   * @param {() => void} listener
   * @returns {() => void} unsubscribes
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
