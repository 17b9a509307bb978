// @ts-check
/** Whose places are in view: what is received while a room is watched. */

/** Above and below what is seen, so that a video is there when its place is scrolled to. */
const MARGIN = 200;

/**
 * @param {HTMLElement} within
 * @returns {string[]} identities
 */
export function identitiesInView(within) {
  if (document.hidden || within.closest("[hidden]") !== null) return [];
  /** @type {string[]} */
  const found = [];
  for (const place of within.querySelectorAll("[data-testid=card][data-identity]")) {
    const { top, bottom, width } = place.getBoundingClientRect();
    const seen = width > 0 && bottom > -MARGIN && top < innerHeight + MARGIN;
    const identity = place.getAttribute("data-identity");
    if (seen && identity !== null) found.push(identity);
  }
  return found;
}
