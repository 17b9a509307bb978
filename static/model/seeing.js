// @ts-check
/** Whether somebody has seen what the page shows: it was in view, and then a hand moved on the page. */

/** What is shown has to be there for so long before a movement counts: it may have been on its way already. */
export const SHOWN_MS = 1500;

export class Seeing {
  /** @type {Map<string, number>} since when each is in view */
  #since = new Map();

  /**
   * @param {readonly string[]} shown what is in view now
   * @param {number} now milliseconds
   */
  look(shown, now) {
    this.#since = new Map(shown.map((key) => [key, this.#since.get(key) ?? now]));
  }

  /**
   * @param {number} now when somebody pressed a key or moved the pointer
   * @returns {string[]} what they have seen
   */
  moved(now) {
    return [...this.#since].filter(([, since]) => now - since >= SHOWN_MS).map(([key]) => key);
  }
}
