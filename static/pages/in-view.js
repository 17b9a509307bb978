// @ts-check
/** Whose places are in view: what is received while a room is watched. */

/** Above and below what is seen, so that a video is there when its place is scrolled to. */
const MARGIN = 200;

/**
 * @param {HTMLElement} within
 * @returns {string[]} identities
 */
export function identitiesInView(within) {
  return cardsInView(within, "data-identity", MARGIN);
}

/**
 * @param {HTMLElement} within
 * @returns {string[]} keys of the cards of which anything can be seen
 */
export function keysSeen(within) {
  return cardsInView(within, "data-key", 0);
}

/** @param {HTMLElement} within @param {string} attribute @param {number} margin */
function cardsInView(within, attribute, margin) {
  if (document.hidden || within.closest("[hidden]") !== null) return [];
  /** @type {string[]} */
  const found = [];
  for (const place of within.querySelectorAll(`[data-testid=card][${attribute}]`)) {
    const { top, bottom, width } = place.getBoundingClientRect();
    const seen = width > 0 && place.checkVisibility() && bottom > -margin && top < innerHeight + margin;
    const value = place.getAttribute(attribute);
    if (seen && value !== null) found.push(value);
  }
  return found;
}
