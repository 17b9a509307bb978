// @ts-check
/**
 * Reads out that somebody's answer has changed, or that none can be relied on: what came within a moment together, and
 * nothing else.
 */

/** @import { Card } from "../types/model.js" */

import { announcement, answerWords } from "../model/summary.js";
import { partsOf } from "../model/text.js";

const TOGETHER_MS = 1500;

export class Announcer {
  /** @type {ReadonlyMap<string, string>} the word last read out, by key of the card */
  #said = new Map();
  #silentUntil = 0;
  #doubt = "";

  /** @param {Element} region a polite live region */
  constructor(region) {
    this.#region = region;
  }

  #region;

  /**
   * @param {readonly Card[]} cards
   * @param {number} now
   * @param {string} doubt why the answers may be old; "" while they are not
   */
  hear(cards, now, doubt) {
    if (now < this.#silentUntil) return;
    const words = doubt === this.#doubt || doubt === "" ? announcement(this.#said, cards) : doubt;
    this.#doubt = doubt;
    this.#said = new Map(
      cards.map((card) => {
        const before = this.#said.get(card.key) ?? "";
        return [card.key, card.state === "looking" ? before : answerWords(card)];
      }),
    );
    if (words === "") return;
    this.#region.replaceChildren(...partsOf(words).map(part));
    this.#silentUntil = now + TOGETHER_MS;
  }
}

/** @param {{ text: string, name: boolean }} said words, or a name that nobody translates */
function part({ text, name }) {
  const element = document.createElement("span");
  element.textContent = text;
  element.translate = !name;
  return element;
}
