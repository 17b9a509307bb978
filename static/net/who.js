// @ts-check
/** Asks who is signed in: until it is known, and again and again where a login may end or become another one. */

/** @import { Who } from "./login.js" */

const UNKNOWN_MS = 2000;
const LOGIN_MS = 10_000;

export class WhoPoll {
  #fetchWho;
  #onEnded;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {Who | null} */
  #who = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #asking = false;
  #over = false;

  /**
   * @param {object} options
   * @param {() => Promise<Who | null>} options.fetchWho
   * @param {(before: Who | null) => void} options.onEnded nobody is signed in any more; nothing is asked from then on
   */
  constructor({ fetchWho, onEnded }) {
    this.#fetchWho = fetchWho;
    this.#onEnded = onEnded;
  }

  /** The last that was known, also while the server is away; null: not known yet. */
  get who() {
    return this.#who;
  }

  /**
   * The first to listen begins the asking.
   *
   * @param {() => void} listener told after every answer
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) void this.#ask();
  }

  /** Asks now: the server has just refused something, so it may be somebody else, or nobody. */
  again() {
    void this.#ask();
  }

  async #ask() {
    if (this.#asking || this.#over) return;
    clearTimeout(this.#timer);
    this.#asking = true;
    try {
      const found = await this.#fetchWho();
      if (found === null) {
        this.#over = true;
        this.#onEnded(this.#who);
        return;
      }
      this.#who = found;
      for (const listener of this.#listeners) listener();
    } catch {
      // away: the page says so elsewhere
    } finally {
      this.#asking = false;
    }
    if (this.#who === null) this.#timer = setTimeout(() => void this.#ask(), UNKNOWN_MS);
    else if (this.#who.by === "login") this.#timer = setTimeout(() => void this.#ask(), LOGIN_MS);
  }
}
