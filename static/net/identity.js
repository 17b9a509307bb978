// @ts-check
/** Who participants are supposed to be, and whether they are. Every failure is an ApiError with a sentence to show. */

/** @import { Status } from "../types/model.js" */
/** @import { IdentityShown } from "../types/people.js" */

import { requestJson } from "./api.js";

const TIMEOUT_MS = 10_000;

/** @param {string} room @returns {Promise<readonly IdentityShown[]>} */
export async function fetchIdentities(room) {
  const path = `/api/identity?${new URLSearchParams({ room })}`;
  const answer = await requestJson(path, { timeout: TIMEOUT_MS });
  return /** @type {{ participants: IdentityShown[] }} */ (answer).participants;
}

/** @returns {Promise<readonly IdentityShown[]>} of all rooms, those who are not who they are supposed to be */
export async function fetchAlarming() {
  const answer = await requestJson("/api/identity?state=unexpected&state=swapped", { timeout: TIMEOUT_MS });
  return /** @type {{ participants: IdentityShown[] }} */ (answer).participants;
}

/**
 * @param {string} identity of the participant
 * @param {string} room
 * @param {string} personId
 */
export async function bind(identity, room, personId) {
  const body = { identity, room, person_id: personId };
  await requestJson("/api/bindings", { timeout: TIMEOUT_MS, method: "PUT", body });
}

/** @param {string} identity everything that was said of them is taken back */
export async function unbind(identity) {
  await requestJson(`/api/bindings?${new URLSearchParams({ identity })}`, { timeout: TIMEOUT_MS, method: "DELETE" });
}

/** @param {string} identity whose changed face was seen to */
export async function acknowledge(identity) {
  await requestJson("/api/identity/acknowledge", { timeout: TIMEOUT_MS, body: { identity } });
}

/** Asks again whenever something has happened: with the status that tells of it, or at once when the log says of what. */
export class Identities {
  /** @type {Set<string>} rooms */
  #asking = new Set();
  /** @type {Set<string>} rooms of which there was news while the question was out */
  #news = new Set();
  /** @type {Map<string, string>} by room, as of when */
  #known = new Map();
  #onTold;

  /** @param {(room: string, told: readonly IdentityShown[]) => void} onTold */
  constructor(onTold) {
    this.#onTold = onTold;
  }

  /** @param {Status} status */
  async follow({ room, events, recognizer }) {
    const now = `${events.cursor} ${recognizer.online}`;
    if (this.#asking.has(room) || now === this.#known.get(room)) return;
    await this.#ask(room, now);
  }

  /** @param {string} room where the log says that somebody's identity is another now */
  async hurry(room) {
    if (this.#asking.has(room)) this.#news.add(room);
    else await this.#ask(room, "");
  }

  /** @param {string} room @param {string} now */
  async #ask(room, now) {
    this.#asking.add(room);
    try {
      this.#onTold(room, await fetchIdentities(room));
      this.#known.set(room, now);
    } catch {
      // asked again with the next status, which says what is wrong
    }
    this.#asking.delete(room);
    if (this.#news.delete(room)) await this.#ask(room, "");
  }

  /** Something was changed here. */
  forget() {
    this.#known.clear();
  }
}
