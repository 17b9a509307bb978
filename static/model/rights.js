// @ts-check
/**
 * What whoever looks at the page may do on it. The server decides (facematch/server/access/authorization.py); this only keeps the
 * page from offering what would be refused.
 */

/** @typedef {"unknown" | "look" | "change"} Rights change: the reference, and erasing */

/**
 * @param {string | null} role null: not known yet, or the server does not answer
 * @returns {Rights}
 */
export function rightsOf(role) {
  if (role === null) return "unknown";
  return role === "admin" ? "change" : "look";
}
