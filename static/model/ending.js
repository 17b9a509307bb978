// @ts-check
/** Why nobody is signed in any more, as far as the page can know: what it tells the sign-in page. */

/** @typedef {"keys" | "expired" | "ended" | "invitation-expired" | "invitation-ended"} Ending */

/**
 * @param {{ role: string, by: string, expires_at: string | null } | null} before who was signed in last; null: nobody
 * @param {number} now
 * @returns {Ending | null} null: there is nothing to explain
 */
export function endingOf(before, now) {
  if (before === null) return null;
  if (before.by === "local") return "keys";
  const expired = before.expires_at !== null && Date.parse(before.expires_at) <= now;
  if (before.role === "participant") return expired ? "invitation-expired" : "invitation-ended";
  return expired ? "expired" : "ended";
}

/** @type {Readonly<Record<Ending, string>>} */
export const ENDINGS = {
  keys: "Face Match was restarted and asks for a key now. Sign in with yours, or open the address that run.sh printed.",
  expired: "Your login has expired. Sign in again to go on.",
  ended: "You were signed out, in another tab or by an admin. Sign in again to go on.",
  "invitation-expired": "Your invitation has expired. Ask whoever invited you for a new link.",
  "invitation-ended": "Your invitation was ended. Ask whoever invited you for a new link.",
};

/**
 * @param {string} text
 * @returns {text is Ending}
 */
export function isEnding(text) {
  return Object.hasOwn(ENDINGS, text);
}
