// @ts-check
/** Several rooms at once: which are asked about, whose cards are shown, and what each one's link says. */

/** @import { Card, RoomListed, RoomState, State } from "../types/model.js" */
/** @typedef {import("./connection.js").Level} Level */

import { cardsOf } from "./cards.js";

/** So many are asked about beside the first; of the others it is known what the list says. */
export const MOST_ASKED = 12;
/** What is known of a room that was not asked about for so long is no answer about now. */
const STALE_MS = 10_000;

/** @param {State} state whether there is more than one */
export function several(state) {
  return state.listed.length > 1;
}

/**
 * The rooms beside the first to ask about: the one that is looked at, those where somebody was recognized, then by name.
 *
 * @param {State} state
 * @param {string} chosen "" for all
 * @returns {readonly string[]}
 */
export function asked({ listed, status }, chosen) {
  const rank = (/** @type {RoomListed} */ { room, matched }) => (room === chosen ? 0 : matched > 0 ? 1 : 2);
  const others = listed.filter(({ room }) => room !== status?.room);
  return [...others]
    .sort((one, other) => rank(one) - rank(other))
    .slice(0, MOST_ASKED)
    .map(({ room }) => room);
}

/**
 * The cards of all rooms that are asked about, the first room's first.
 *
 * @param {State} state
 * @param {number} pageNow
 * @param {Level} level
 * @returns {Card[]}
 */
export function allCards(state, pageNow, level) {
  /** @param {RoomState} room */
  const fresh = (room) => level !== "live" || pageNow - room.statusAt < STALE_MS;
  const others = [...state.others.values()].filter((room) => room.status !== null && fresh(room));
  return [state, ...others].flatMap((room) => cardsOf(room, pageNow, level));
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
 * @returns {readonly Tab[]} by name, behind one for all; none where there is but one room
 */
export function tabsOf(state, cards) {
  if (!several(state)) return [];
  /** @type {Map<string, Card[]>} */
  const byRoom = new Map();
  for (const card of cards) {
    const group = byRoom.get(card.room);
    if (group === undefined) byRoom.set(card.room, [card]);
    else group.push(card);
  }
  const tabs = state.listed.map((one) => tabOf(one, byRoom.get(one.room)));
  const sum = (/** @type {"participants" | "matched" | "alarms"} */ of) => tabs.reduce((all, tab) => all + tab[of], 0);
  return [
    { room: "", participants: sum("participants"), matched: sum("matched"), alarms: sum("alarms"), watched: true },
    ...tabs,
  ];
}

/** @param {RoomListed} listed @param {readonly Card[] | undefined} cards @returns {Tab} */
function tabOf({ room, participants, matched, watched }, cards) {
  if (cards === undefined) return { room, participants, matched, alarms: 0, watched };
  return {
    room,
    participants: cards.filter((card) => card.reason !== "left").length,
    matched: cards.filter((card) => card.state === "match").length,
    alarms: cards.filter((card) => card.identityTone === "bad").length,
    watched,
  };
}
