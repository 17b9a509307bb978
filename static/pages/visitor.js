// @ts-check
/** Small things about whoever looks at the page: their name of last time, and a photo dropped beside its place. */

const KEY = "face-match.name";

/** @returns {string} the name of last time, else one that nobody else is likely to have */
export function rememberedName() {
  try {
    const name = localStorage.getItem(KEY);
    if (name !== null && name !== "") return name;
  } catch {
    // storage is denied: a new name every time
  }
  return `Guest-${Math.floor(1000 + Math.random() * 9000)}`;
}

/** @param {string} name */
export function rememberName(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // storage is denied: remembered for this visit only
  }
}

/**
 * A file that is dropped beside the reference panel must not replace the page by a picture.
 *
 * @param {Window} window
 */
export function forgetDrops(window) {
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => event.preventDefault());
}
