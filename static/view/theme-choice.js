// @ts-check
/** The theme that somebody chose, kept for the next visit; `theme.js` applies it before the page is painted. */

/** @typedef {"system" | "light" | "dark"} Theme */

const KEY = "face-match.theme";
/** @type {readonly Theme[]} */
const ORDER = ["system", "light", "dark"];

/** @returns {Theme} */
export function currentTheme() {
  const theme = document.documentElement.dataset["theme"];
  return theme === "light" || theme === "dark" ? theme : "system";
}

/** Goes on to the next one: system, light, dark. */
export function nextTheme() {
  const next = ORDER[(ORDER.indexOf(currentTheme()) + 1) % ORDER.length] ?? "system";
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // storage is denied: chosen for this visit only
  }
}
