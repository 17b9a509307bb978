// @ts-check
/** A snapshot, large, in a dialog of its own, from which the ones before and after it are reached. */

/** @import { ActivityEntry, MatchEvent } from "../types/model.js" */

import { beside } from "../model/activity.js";
import { showModal } from "../view/focus.js";
import { html, render } from "../view/preact.js";
import { Viewer } from "../view/viewer.js";

export class Viewing {
  /** @type {HTMLDialogElement} */
  #dialog;
  #entries;
  /** @type {MatchEvent | null} */
  #event = null;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {() => readonly ActivityEntry[]} entries newest first
   */
  constructor(dialog, entries) {
    this.#dialog = dialog;
    this.#entries = entries;
    dialog.addEventListener("close", () => {
      this.#event = null;
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) this.close(); // beside the content: the backdrop
    });
    dialog.addEventListener("keydown", ({ key }) => {
      if (this.#event === null || (key !== "ArrowLeft" && key !== "ArrowRight")) return;
      const { newer, older } = beside(this.#entries(), this.#event);
      const next = key === "ArrowLeft" ? newer : older;
      if (next !== null) this.show(next);
    });
  }

  /** @param {MatchEvent} event */
  show = (event) => {
    this.#event = event;
    this.draw();
    showModal(this.#dialog);
  };

  close = () => this.#dialog.close();

  /** Again, since there may be newer ones now. */
  draw() {
    if (this.#event === null) return;
    const { newer, older } = beside(this.#entries(), this.#event);
    render(
      html`<${Viewer} event=${this.#event} newer=${newer} older=${older} onShow=${this.show} onClose=${this.close} />`,
      this.#dialog,
    );
  }
}
