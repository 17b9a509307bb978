// @ts-check
/** What happened last, as lines, asked again when the log has grown, and at most every few seconds. */

/** @import { SightingLine } from "../types/people.js" */

import { sameOf } from "../model/same.js";
import { ApiError } from "./api.js";
import { fetchSightings } from "./happened.js";

/** Between two questions about the same. */
const GAP_MS = 2500;
const HIDDEN_MS = 15_000;

/**
 * @typedef {object} LatelyAsked
 * @property {string} log another one when the log has changed
 * @property {string} room "" all of them
 * @property {number} limit lines
 */

export class Lately {
  /** @type {readonly SightingLine[]} the newest first */
  lines = [];
  /** Whether there are older ones than these. */
  more = false;
  /** Nothing has come yet. */
  loading = true;
  /** Why they may be old; "" when they are not. */
  trouble = "";
  #asked = "";
  #answered = "";
  #askedAt = -Infinity;
  #asking = false;
  #room = "";
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /**
   * Asks, if anything is new; to be called again and again.
   *
   * @param {LatelyAsked} wanted
   * @param {number} now milliseconds
   */
  follow({ log, room, limit }, now) {
    if (room !== this.#room) Object.assign(this, { lines: [], more: false, loading: true, trouble: "" });
    this.#room = room;
    const what = `${limit} ${room}`;
    const early = now - this.#askedAt < (document.hidden ? HIDDEN_MS : GAP_MS);
    if (this.#asking || `${log} ${what}` === this.#answered || (early && what === this.#asked)) return;
    this.#asked = what;
    this.#askedAt = now;
    void this.#ask(`${log} ${what}`, room, limit);
  }

  /** @param {string} key @param {string} room @param {number} limit */
  async #ask(key, room, limit) {
    this.#asking = true;
    try {
      const everything = { from: null, to: null, room, identity: "", person: "" };
      const { lines, older } = await fetchSightings(everything, null, limit);
      this.#answered = key;
      if (room === this.#room) {
        Object.assign(this, { lines: sameOf(this.lines, lines, ({ cursor }) => cursor), more: older !== null, loading: false, trouble: "" });
      }
    } catch (error) {
      this.trouble = error instanceof ApiError ? error.message : "What happened cannot be read now.";
    }
    this.#asking = false;
    this.#onChange();
  }
}
