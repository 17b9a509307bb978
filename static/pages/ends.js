// @ts-check
/** Which matches that have ended somebody has seen: they say so until then. */

/** @import { Card } from "../types/model.js" */
/** @import { Store } from "../model/store.js" */

import { Seeing } from "../model/seeing.js";
import { keysSeen } from "./in-view.js";

const LOOKED_MS = 500;
/** Somebody is there. */
const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel"];

export class Ends {
  #store;
  #cards;
  #mount;
  #seeing = new Seeing();

  /**
   * @param {Store} store
   * @param {() => readonly Card[]} cards
   * @param {HTMLElement} mount where they are shown
   */
  constructor(store, cards, mount) {
    this.#store = store;
    this.#cards = cards;
    this.#mount = mount;
  }

  start() {
    setInterval(() => this.#look(), LOOKED_MS);
    for (const sign of SIGNS) {
      addEventListener(sign, () => this.seen(this.#seeing.moved(Date.now())), { passive: true });
    }
  }

  /** @param {readonly string[]} keys of cards: somebody has seen that their matches have ended */
  seen(keys) {
    for (const { key, room, identity, matchedAt } of this.#cards()) {
      if (matchedAt !== null && keys.includes(key)) {
        this.#store.dispatch({ type: "ends-seen", room, identity });
      }
    }
  }

  #look() {
    const ended = new Set(this.#cards().flatMap(({ key, matchedAt }) => (matchedAt === null ? [] : [key])));
    this.#seeing.look(ended.size === 0 ? [] : keysSeen(this.#mount).filter((key) => ended.has(key)), Date.now());
  }
}
