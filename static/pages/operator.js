// @ts-check
/** What whoever uses this browser calls themselves where nobody signs in: kept with what they answer. */

const KEY = "face-match.operator";

/** @returns {string} "" when they have not said */
export function operatorName() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // storage is denied
  }
}

/** @param {string} name */
export function rememberOperator(name) {
  try {
    localStorage.setItem(KEY, name.trim());
  } catch {
    // storage is denied: they stay without a name
  }
}
