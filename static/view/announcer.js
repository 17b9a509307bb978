// @ts-check
/** Reads out that somebody's answer has changed: what came within a moment together, and nothing else. */

/** @import { Card } from "../types/model.js" */

import { announcement, stateWord } from "../model/summary.js";

const TOGETHER_MS = 1500;

export class Announcer {
  /** @type {ReadonlyMap<string, string>} the word last read out, by identity */
  #said = new Map();
  #silentUntil = 0;

  /** @param {Element} region a polite live region */
  constructor(region) {
    this.#region = region;
  }

  #region;

  /**
   * @param {readonly Card[]} cards
   * @param {number} now
   */
  hear(cards, now) {
    if (now < this.#silentUntil) return;
    const words = announcement(this.#said, cards);
    this.#said = new Map(
      cards.map((card) => {
        const before = this.#said.get(card.identity) ?? "";
        return [card.identity, card.state === "looking" ? before : stateWord(card)];
      }),
    );
    if (words === "") return;
    this.#region.textContent = words;
    this.#silentUntil = now + TOGETHER_MS;
  }
}
