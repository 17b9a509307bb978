// @ts-check
/** One live picture, large, with the answer about whoever is on it; it goes on until it is closed. */

/** @import { Card } from "../types/model.js" */
/** @import { Track } from "livekit-client" */

import { Enlarged } from "../view/enlarged.js";
import { showModal } from "../view/focus.js";
import { html, render } from "../view/preact.js";

export class Enlarging {
  #dialog;
  #videoOf;
  #key = "";

  /**
   * @param {HTMLDialogElement} dialog
   * @param {(card: Card) => Track | null} videoOf
   */
  constructor(dialog, videoOf) {
    this.#dialog = dialog;
    this.#videoOf = videoOf;
    dialog.addEventListener("close", () => {
      this.#key = "";
      render(null, dialog);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // beside the content: the backdrop
    });
  }

  /** @param {Card} card */
  show = (card) => {
    this.#key = card.key;
    this.draw([card], false);
    showModal(this.#dialog);
  };

  /**
   * As it is now.
   *
   * @param {readonly Card[]} cards
   * @param {boolean} mirrored the own camera is
   */
  draw(cards, mirrored) {
    if (this.#key === "") return;
    const card = cards.find(({ key }) => key === this.#key);
    if (card === undefined) {
      this.#dialog.close();
      return;
    }
    render(
      html`<${Enlarged}
        card=${card}
        track=${card.video === "" ? null : this.#videoOf(card)}
        mirrored=${card.isLocal && mirrored}
        onClose=${() => this.#dialog.close()}
      />`,
      this.#dialog,
    );
  }
}
