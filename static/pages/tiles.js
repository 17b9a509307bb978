// @ts-check
/** What somebody who watches has chosen to see, and the way to one of the cards, wherever on the page they are. */

/** @import { Card } from "../types/model.js" */
/** @import { View } from "../model/tiles.js" */

import { PLAIN_VIEW, showing } from "../model/tiles.js";

export class Tiles {
  view = PLAIN_VIEW;
  #onChange;
  #mount;

  /**
   * @param {Element} mount where the cards are
   * @param {() => void} onChange
   */
  constructor(mount, onChange) {
    this.#mount = mount;
    this.#onChange = onChange;
  }

  /** @param {View} view */
  choose = (view) => {
    this.view = view;
    this.#onChange();
  };

  /** @param {string} key of a card: in front of the others, or no longer */
  pin = (key) => {
    const pinned = new Set(this.view.pinned);
    if (!pinned.delete(key)) pinned.add(key);
    this.choose({ ...this.view, pinned });
  };

  /** The keyboard goes to one of the cards, when it is drawn. @param {readonly Card[]} cards @param {string} key */
  show(cards, key) {
    this.choose(showing(cards, this.view, key));
    requestAnimationFrame(() => requestAnimationFrame(() => this.#goTo(key)));
  }

  /** @param {string} key */
  #goTo(key) {
    const name = this.#mount.querySelector(`[data-key="${CSS.escape(key)}"] .card-name`);
    if (!(name instanceof HTMLElement)) return;
    name.focus({ preventScroll: true });
    name.closest("[data-key]")?.scrollIntoView({ block: "nearest" });
  }
}
