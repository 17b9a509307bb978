// @ts-check
/** The keyboard keeps its place: when what had it is gone, the nearest thing that is left gets it. */

const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), summary, [tabindex]";

/** @typedef {readonly HTMLElement[]} Way an element and what it stands in, inside out */

/** @param {Element | null} element @returns {Way} */
function wayUp(element) {
  /** @type {HTMLElement[]} */
  const way = [];
  for (let at = element; at !== null && at !== document.body; at = at.parentElement) {
    if (at instanceof HTMLElement) way.push(at);
  }
  return way;
}

/** @param {Way} way */
function focusNearest(way) {
  for (const element of way) {
    if (!isThere(element)) continue;
    const inside = /** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll(FOCUSABLE));
    const next = element.matches(FOCUSABLE) ? element : [...inside].find(isThere);
    next?.focus({ preventScroll: true });
    if (next !== undefined && document.activeElement === next) return;
  }
}

/** @param {HTMLElement} element */
function isThere(element) {
  return element.isConnected && element.checkVisibility({ visibilityProperty: true });
}

/** Watches over the page's own focus from now on; a dialog has its opener's way back, see `showModal`. */
export function keepFocus() {
  /** @type {Way} */
  let way = [];
  document.addEventListener("focusin", (event) => {
    way = wayUp(/** @type {Element} */ (event.target));
  });
  document.addEventListener("focusout", ({ target }) => {
    queueMicrotask(() => {
      // Still there: whoever uses the page has put it down themselves.
      if (target === way[0] && way[0]?.isConnected) way = [];
    });
  });
  const taken = () => {
    const [last] = way;
    if (last !== undefined && !last.isConnected && document.activeElement === document.body) focusNearest(way);
  };
  new MutationObserver(taken).observe(document.body, { childList: true, subtree: true });
}

/**
 * Opens it, and sees to it that the keyboard goes back to where it came from, or near.
 *
 * @param {HTMLDialogElement} dialog
 */
export function showModal(dialog) {
  if (dialog.open) return;
  const way = wayUp(document.activeElement);
  dialog.addEventListener(
    "close",
    () => {
      if (document.activeElement === document.body) focusNearest(way);
    },
    { once: true },
  );
  dialog.showModal();
}
