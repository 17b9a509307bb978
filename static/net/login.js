// @ts-check
/** Signing in and out. Every failure is an ApiError with a sentence to show. */

import { ApiError, SERVER_AWAY, errorFrom } from "./api.js";

const TIMEOUT_MS = 10_000;

/**
 * @typedef {object} Who
 * @property {"admin" | "viewer" | "participant" | "recognizer"} role
 * @property {"local" | "key" | "login" | "invitation"} by how the server knows
 * @property {string | null} room the only room that may be joined; null: any
 * @property {string | null} expires_at
 */

/**
 * @typedef {object} Invitation
 * @property {string} path
 * @property {string} room
 * @property {string} expires_at
 */

/** @returns {Promise<Who | null>} null: nobody is signed in */
export async function fetchWho() {
  try {
    return /** @type {Who} */ (await request("GET", "/api/session"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/**
 * @param {{ key: string } | { invitation: string }} proof
 * @returns {Promise<Who>}
 */
export async function signIn(proof) {
  return /** @type {Who} */ (await request("POST", "/api/session", proof));
}

export async function signOut() {
  await request("DELETE", "/api/session");
}

/** @returns {Promise<Invitation>} to the room that is watched */
export async function invite() {
  return /** @type {Invitation} */ (await request("POST", "/api/invites", {}));
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<unknown>}
 */
async function request(method, path, body) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      method,
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined
        ? {}
        : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, "UNREACHABLE", SERVER_AWAY);
  }
  /** @type {unknown} */
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw errorFrom(response.status, answer);
  return answer;
}
