// @ts-check
/** Several rooms at once: which are asked about, whose cards are shown, and what each one's link says. */

/** @import { Card, RoomListed, RoomState, State } from "../types/model.js" */
/** @typedef {import("./connection.js").Level} Level */

import { cardsOf } from "./cards.js";
import { grouped } from "./grouped.js";
import { alarms, answersIn } from "./unasked.js";

/** So many are asked about beside the first; of the others see `unasked.js`. */
export const MOST_ASKED = 12;
/** What is known of a room that was not asked about for so long is no answer about now. */
const STALE_MS = 10_000;

/** @param {State} state whether there is more than one */
export function several(state) {
  return state.listed.length > 1;
}

/**
 * The rooms beside the first to ask about: the one that is looked at, those with an alarm, those where somebody was
 * recognized (or was, and nobody has seen that it is over), then by name.
 *
 * @param {State} state
 * @param {string} chosen "" for all
 * @returns {readonly string[]}
 */
export function asked({ listed, status, others }, chosen) {
  const rank = (/** @type {RoomListed} */ { room, matched }) => {
    const known = others.get(room);
    if (room === chosen) return 0;
    if ([...(known?.identities.values() ?? [])].some(alarms)) return 1;
    const unseen = [...(known?.participants.values() ?? [])].some(({ matchedAt }) => matchedAt !== null);
    return matched > 0 || unseen ? 2 : 3;
  };
  return listed
    .filter(({ room }) => room !== status?.room)
    .map((one) => ({ room: one.room, rank: rank(one) }))
    .sort((one, other) => one.rank - other.rank)
    .slice(0, MOST_ASKED)
    .map(({ room }) => room);
}

/**
 * Where rooms are watched by pattern: those that somebody can be asked into.
 *
 * @typedef {object} RoomsOffer
 * @property {string} room the one that is meant unless another is said; "" none
 * @property {readonly string[]} rooms that are known now; others may be watched, too
 */

/**
 * @param {State} state
 * @param {string} chosen room that is looked at; "" all of them
 * @returns {RoomsOffer}
 */
export function offerOf({ listed, status }, chosen) {
  const rooms = listed.map(({ room }) => room);
  const meant = [chosen, status?.room ?? ""].find((room) => rooms.includes(room));
  return { room: meant ?? rooms[0] ?? "", rooms };
}

/**
 * The cards of all rooms, the first room's first; of those that are not asked about, the ones that are answers.
 *
 * @param {State} state
 * @param {number} pageNow
 * @param {Level} level
 * @returns {Card[]}
 */
export function allCards(state, pageNow, level) {
  const { status } = state;
  if (status === null) return [];
  const listed = new Map(state.listed.map((one) => [one.room, one]));
  const others = [...state.others].flatMap(([name, room]) => {
    if (name === status.room) return []; // it was not known yet which is the first
    if (isKnown(room, pageNow, level)) return cardsOf(room, pageNow, level);
    const one = listed.get(name);
    return one === undefined ? [] : answersIn(room, one, { ...state, status }, pageNow, level);
  });
  return [...cardsOf(state, pageNow, level), ...others];
}

/**
 * Whether a room beside the first was asked about, just now.
 *
 * @param {RoomState | undefined} room
 * @param {number} pageNow
 * @param {Level} level
 */
function isKnown(room, pageNow, level) {
  if (room === undefined || room.status === null) return false;
  return level !== "live" || pageNow - room.statusAt < STALE_MS;
}

/**
 * One room's link.
 *
 * @typedef {object} Tab
 * @property {string} room "" all of them
 * @property {number} participants
 * @property {number} matched
 * @property {number} alarms
 * @property {boolean} watched
 */

/**
 * @param {State} state
 * @param {readonly Card[]} cards of all rooms
 * @param {number} pageNow
 * @param {Level} level
 * @returns {readonly Tab[]} by name, behind one for all; none where there is but one room
 */
export function tabsOf(state, cards, pageNow, level) {
  if (!several(state)) return [];
  const byRoom = grouped(cards, ({ room }) => room);
  const tabs = state.listed.map((one) => {
    const whole = one.room === state.status?.room || isKnown(state.others.get(one.room), pageNow, level);
    return tabOf(one, byRoom.get(one.room) ?? [], whole);
  });
  const sum = (/** @type {"participants" | "matched" | "alarms"} */ of) => tabs.reduce((all, tab) => all + tab[of], 0);
  return [
    { room: "", participants: sum("participants"), matched: sum("matched"), alarms: sum("alarms"), watched: true },
    ...tabs,
  ];
}

/** @param {RoomListed} listed @param {readonly Card[]} cards @param {boolean} whole they are all @returns {Tab} */
function tabOf({ room, participants, matched, watched }, cards, whole) {
  const here = cards.filter((card) => card.reason !== "left").length;
  const matching = cards.filter((card) => card.state === "match").length;
  return {
    room,
    participants: whole ? here : Math.max(participants, here),
    matched: whole ? matching : Math.max(matched, matching),
    alarms: cards.filter((card) => card.identityTone === "bad").length,
    watched,
  };
}
