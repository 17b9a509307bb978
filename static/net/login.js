// @ts-check
/** Signing in and out. Every failure is an ApiError with a sentence to show. */

import { ApiError, requestJson } from "./api.js";

const TIMEOUT_MS = 10_000;

/**
 * @typedef {object} Who
 * @property {"admin" | "viewer" | "participant" | "recognizer"} role
 * @property {"local" | "key" | "login" | "invitation"} by how the server knows
 * @property {string | null} room the only room that may be joined; null: any
 * @property {string | null} expires_at
 * @property {string | null} [name] what they call themselves
 * @property {boolean} [consent_required] nobody is looked at before they have agreed
 * @property {boolean} [many_rooms] rooms are watched by pattern: which one is meant has to be said
 */

/**
 * @typedef {object} Invitation
 * @property {string} url
 * @property {readonly string[]} warnings what keeps guests from joining there
 * @property {string} room
 * @property {string} expires_at
 */

/** @returns {Promise<Who | null>} null: nobody is signed in */
export async function fetchWho() {
  try {
    return /** @type {Who} */ (await requestJson("/api/session", { timeout: TIMEOUT_MS }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/**
 * @param {{ key: string, name?: string } | { invitation: string }} proof
 * @returns {Promise<Who>}
 */
export async function signIn(proof) {
  return /** @type {Who} */ (await requestJson("/api/session", { timeout: TIMEOUT_MS, body: proof }));
}

export async function signOut() {
  await requestJson("/api/session", { timeout: TIMEOUT_MS, method: "DELETE" });
}

/** @param {string} room "": the one that is watched @param {string} [personId] who whoever follows it is supposed to be */
export async function invite(room, personId) {
  const body = { ...(room === "" ? {} : { room }), ...(personId === undefined ? {} : { person_id: personId }) };
  return /** @type {Invitation} */ (await requestJson("/api/invites", { timeout: TIMEOUT_MS, body }));
}
