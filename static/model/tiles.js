// @ts-check
/** Which cards are shown, and in which order: what matters most comes first, and nothing else moves. */

/** @import { Card } from "../types/model.js" */

import { displayName } from "./text.js";

/** As many as anybody looks over; the others are on further pages. */
export const PAGE = 49;

/**
 * What somebody who watches has chosen to see.
 *
 * @typedef {object} View
 * @property {string} search part of a name or an identity; "" everybody
 * @property {boolean} matchesOnly
 * @property {number} page from 0
 * @property {ReadonlySet<string>} pinned keys of cards that stand in front of all but alarms and matches
 * @property {"auto" | "compact" | "large"} size auto: large while they are few
 */

/** @type {View} */
export const PLAIN_VIEW = { search: "", matchesOnly: false, page: 0, pinned: new Set(), size: "auto" };

/**
 * @typedef {object} Arranged
 * @property {readonly Card[]} shown of the page
 * @property {readonly Card[]} left those who have left, apart
 * @property {number} fitting how many there are on all pages
 * @property {number} here how many there are without search and filter
 * @property {number} page the one that is shown, which may be an earlier one than was asked for
 * @property {number} pages at least 1
 */

/**
 * @param {readonly Card[]} cards in the order in which they were first seen
 * @param {View} view
 * @returns {Arranged}
 */
export function arranged(cards, view) {
  const found = cards.filter((card) => fits(card, view));
  const here = ordered(
    found.filter((card) => !card.past && (!view.matchesOnly || card.state === "match" || card.identityTone === "bad")),
    view.pinned,
  );
  const pages = Math.max(1, Math.ceil(here.length / PAGE));
  const page = Math.min(view.page, pages - 1);
  return {
    shown: here.slice(page * PAGE, (page + 1) * PAGE),
    left: found.filter((card) => card.past),
    fitting: here.length,
    here: cards.reduce((sum, card) => sum + (card.past ? 0 : 1), 0),
    page,
    pages,
  };
}

/**
 * Alarms, matches (and those that have ended, until somebody has seen it), who was pinned, who is looked at, everybody else; within each as they were first seen. Whether somebody
 * is looked at just now changes every few seconds, and so does what the last look found: neither moves a card.
 *
 * @param {readonly Card[]} cards
 * @param {ReadonlySet<string>} pinned
 * @returns {readonly Card[]}
 */
export function ordered(cards, pinned = new Set()) {
  /** @type {Card[][]} */
  const ranks = [[], [], [], [], []];
  for (const card of cards) ranks[rankOf(card, pinned)]?.push(card);
  return ranks.flat();
}

/** @param {Card} card @param {ReadonlySet<string>} pinned */
function rankOf(card, pinned) {
  if (card.identityTone === "bad") return 0;
  if (card.state === "match" || card.matchedAt !== null) return 1;
  if (pinned.has(card.key)) return 2;
  return LOOKED_AT.has(card.state) && card.phase !== "" ? 3 : 4;
}

/** A camera that is off comes on again, and is looked at in its turn. */
/** @type {ReadonlySet<Card["state"]>} */
const LOOKED_AT = new Set(["looking", "no_match", "no_face", "no_video", "error"]);

/**
 * The view with the page on it that has one of the cards, whatever was searched for before.
 *
 * @param {readonly Card[]} cards
 * @param {View} view
 * @param {string} key
 * @returns {View}
 */
export function showing(cards, view, key) {
  const whole = { ...view, search: "", matchesOnly: false };
  const at = ordered(cards.filter((card) => !card.past), view.pinned).findIndex((card) => card.key === key);
  return { ...whole, page: Math.max(0, Math.floor(at / PAGE)) };
}

/** @param {Card} card @param {View} view */
function fits(card, { search }) {
  if (search === "") return true;
  const wanted = search.trim().toLocaleLowerCase();
  return [displayName(card.name), card.identity, card.who].some((name) => name.toLocaleLowerCase().includes(wanted));
}
