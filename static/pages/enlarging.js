// @ts-check
/** One live picture, large, with the answer about whoever is on it; it goes on until it is closed. */

/** @import { Card } from "../types/model.js" */
/** @import { Track } from "livekit-client" */

import { Enlarged } from "../view/enlarged.js";
import { showModal } from "../view/focus.js";
import { html, render } from "../view/preact.js";

export class Enlarging {
  #dialog;
  #cards;
  #videoOf;
  #mirrored;
  #key = "";

  /**
   * @param {HTMLDialogElement} dialog
   * @param {() => readonly Card[]} cards as they are now
   * @param {(card: Card) => Track | null} videoOf
   * @param {() => boolean} mirrored the own camera is
   */
  constructor(dialog, cards, videoOf, mirrored) {
    this.#dialog = dialog;
    this.#cards = cards;
    this.#mirrored = mirrored;
    this.#videoOf = videoOf;
    dialog.addEventListener("close", () => {
      this.#key = "";
      render(null, dialog);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // beside the content: the backdrop
    });
  }

  /** @param {string} key of the card */
  show = (key) => {
    this.#key = key;
    this.draw();
    showModal(this.#dialog);
  };

  /** As it is now. */
  draw() {
    if (this.#key === "") return;
    const card = this.#cards().find(({ key }) => key === this.#key);
    if (card === undefined) {
      this.#dialog.close();
      return;
    }
    render(
      html`<${Enlarged}
        card=${card}
        track=${card.video === "" ? null : this.#videoOf(card)}
        mirrored=${card.isLocal && this.#mirrored()}
        onClose=${() => this.#dialog.close()}
      />`,
      this.#dialog,
    );
  }
}
