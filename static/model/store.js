// @ts-check
/** The page's whole state and what changes it: a pure reducer, and the small store that holds its result. */

/** @import { ActivityEntry, FaceEvent, RoomListed, RoomParticipant, RoomState, Socket, State, Status }
 *   from "../types/model.js" */

/** @import { IdentityShown } from "../types/people.js" */

import { followOffset, measureOffset } from "./clock.js";
import { grouped } from "./grouped.js";
import { forgotten, seenUntil, withEndsSeen, withEvents, withRoom, withStatus } from "./participants.js";
import { UNKNOWN, withAlarms, withMatches } from "./unasked.js";

/**
 * @typedef {{ type: "status", status: Status, askedAt: number, receivedAt: number, cursorWhenAsked: number }
 *   | { type: "status-failed", at: number }
 *   | { type: "messages", messages: readonly { cursor: number, event: FaceEvent | null }[], at: number }
 *   | { type: "socket", socket: Socket }
 *   | { type: "rooms", rooms: readonly RoomListed[] }
 *   | { type: "other-status", status: Status, askedAt: number, receivedAt: number }
 *   | { type: "ends-seen", room: string, identity: string }
 *   | { type: "identities", room: string, told: readonly IdentityShown[] }
 *   | { type: "alarms-elsewhere", told: readonly IdentityShown[], asked: ReadonlySet<string>, at: number }
 *   | { type: "room", room: string, participants: readonly RoomParticipant[], at: number }} Action
 */

/** Older entries of the activity list are dropped. */
export const MOST_ACTIVITY = 500;
/** How far back a freshly loaded page asks the log. */
export const HISTORY = 1000;

/** @param {number} now page clock @returns {State} */
export function initialState(now) {
  return {
    ...UNKNOWN,
    api: { failures: 0, since: now },
    heardAt: now,
    socket: { state: "idle" },
    cursor: 0,
    logEpoch: 0,
    activity: [],
    listed: [],
    others: new Map(),
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
    case "identities": {
      const identities = new Map(action.told.map((one) => [one.participant_identity, one]));
      return ofRoom(state, action.room, (room) => ({ ...room, identities }));
    }
    case "ends-seen":
      return ofRoom(state, action.room, (room) => ({
        ...room,
        participants: withEndsSeen(room.participants, action.identity),
      }));
    case "socket":
      return { ...state, socket: action.socket };
    case "rooms": {
      const names = new Set(action.rooms.map(({ room }) => room));
      const others = new Map([...state.others].filter(([room]) => names.has(room)));
      return { ...state, listed: action.rooms, others: withMatches(others, action.rooms, state.status) };
    }
    case "alarms-elsewhere":
      return { ...state, others: withAlarms(state, action) };
    case "other-status":
      return ofRoom(state, action.status.room, (room) => ({ ...room, ...withAnswer(room, action) }));
    case "room":
      return ofRoom(state, action.room, (room) => {
        const now = action.at + room.clockOffset;
        const participants = withRoom(seenUntil(room.participants, room.roomParticipants, now), action.participants, now);
        return { ...room, roomParticipants: action.participants, participants };
      });
  }
}

/**
 * @param {State} state
 * @param {string} name
 * @param {(room: RoomState) => RoomState} change
 * @returns {State}
 */
function ofRoom(state, name, change) {
  if (isFirst(state, name)) return { ...state, ...change(state) };
  return { ...state, others: new Map(state.others).set(name, change(state.others.get(name) ?? UNKNOWN)) };
}

/** @param {State} state @param {string | null} room null: of a sender that knows one only */
function isFirst({ status, listed }, room) {
  return room === null || listed.length < 2 || room === status?.room;
}

/**
 * What an answer about one room says of it.
 *
 * @param {RoomState} room
 * @param {{ status: Status, askedAt: number, receivedAt: number }} answer
 */
function withAnswer(room, { status, askedAt, receivedAt }) {
  const measured = measureOffset(status, askedAt, receivedAt);
  const clockOffset = room.status === null ? measured : followOffset(room.clockOffset, measured);
  const now = receivedAt + clockOffset;
  return {
    status,
    statusAt: receivedAt,
    blindSince: seesRoom(status) ? null : (room.blindSince ?? receivedAt),
    clockOffset,
    participants: withStatus(withRoom(room.participants, room.roomParticipants, now), status, now),
  };
}

/**
 * @param {State} state
 * @param {Extract<Action, { type: "status" }>} action
 * @returns {State}
 */
function withPoll(state, action) {
  const { status, receivedAt, cursorWhenAsked } = action;
  const first = state.status === null;
  const restarted = !first && status.events.cursor < cursorWhenAsked;
  const erased = state.status !== null && status.erasures !== state.status.erasures;
  const known = erased ? emptied(state) : state;
  const cursor = first || erased ? Math.max(0, status.events.cursor - HISTORY) : state.cursor;
  return {
    ...known,
    ...withAnswer(known, action),
    others: first ? withMatches(known.others, state.listed, status) : known.others,
    heardAt: receivedAt,
    api: state.api.failures === 0 ? state.api : { failures: 0, since: receivedAt },
    cursor: restarted ? 0 : cursor,
    logEpoch: state.logEpoch + (restarted || erased ? 1 : 0),
  };
}

/**
 * What the page remembers may have been erased meanwhile, here or on another page: it reads the log again.
 *
 * @param {State} state
 * @returns {State}
 */
function emptied(state) {
  return { ...state, activity: [], participants: new Map(), others: new Map() };
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
  return {
    ...withNews(
      state,
      entries.map((entry) => entry.event),
    ),
    cursor,
    activity: [...entries.reverse(), ...state.activity].slice(0, MOST_ACTIVITY),
  };
}

/**
 * Each event with the room that it is of.
 *
 * @param {State} state
 * @param {readonly FaceEvent[]} events oldest first
 * @returns {State}
 */
function withNews(state, events) {
  const byRoom = grouped(events, ({ room }) => (isFirst(state, room) ? null : room)); // null: the first
  const others = new Map(state.others);
  for (const [name, group] of byRoom) {
    const room = name === null ? undefined : (others.get(name) ?? { ...UNKNOWN, clockOffset: state.clockOffset });
    if (name !== null && room !== undefined) others.set(name, { ...room, participants: heard(room, group, state) });
  }
  return { ...state, others, participants: heard(state, byRoom.get(null) ?? [], state) };
}

/**
 * @param {RoomState} room
 * @param {readonly FaceEvent[]} events
 * @param {State} state
 */
function heard(room, events, { statusAt, clockOffset }) {
  const at = room.statusAt === 0 ? statusAt + clockOffset : room.statusAt + room.clockOffset;
  return forgotten(withEvents(room.participants, events), at);
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
