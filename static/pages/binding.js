// @ts-check
/** Saying who a participant is supposed to be, and what follows from it; in a dialog of its own. */

import { told } from "../view/answer.js";
import { acknowledge, bind, unbind } from "../net/identity.js";
import { Bind } from "../view/bind.js";
import { showModal } from "../view/focus.js";
import { html, render } from "../view/preact.js";

export class Binding {
  #dialog;
  #hasReference;
  #onChanged;
  /** @type {{ identity: string, name: string, room: string } | null} */
  #whose = null;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {() => boolean} hasReference
   * @param {() => void} onChanged
   */
  constructor(dialog, hasReference, onChanged) {
    this.#dialog = dialog;
    this.#hasReference = hasReference;
    this.#onChanged = onChanged;
    dialog.addEventListener("close", () => {
      this.#whose = null;
      render(null, dialog);
    });
  }

  /** @param {string} identity @param {string} name @param {string} room */
  ask = (identity, name, room) => {
    this.#whose = { identity, name, room };
    this.#draw("");
    showModal(this.#dialog);
  };

  /** @param {string} identity @param {string} name @param {string} room */
  release = (identity, name, room) => void this.#attempt({ identity, name, room }, () => unbind(identity));

  /** @param {string} identity @param {string} name @param {string} room */
  seenTo = (identity, name, room) => void this.#attempt({ identity, name, room }, () => acknowledge(identity));

  /**
   * @param {{ identity: string, name: string, room: string }} whose
   * @param {() => Promise<void>} action
   */
  async #attempt(whose, action) {
    try {
      await action();
      this.#dialog.close();
    } catch (error) {
      this.#whose = whose;
      this.#draw(told(error).message);
      showModal(this.#dialog);
    }
    this.#onChanged();
  }

  /** @param {string} trouble */
  #draw(trouble) {
    const whose = this.#whose;
    if (whose === null) return;
    render(
      html`<${Bind}
        name=${whose.name}
        hasReference=${this.#hasReference()}
        trouble=${trouble}
        onChoose=${(/** @type {string} */ person) =>
          void this.#attempt(whose, () => bind(whose.identity, whose.room, person))}
        onClose=${() => this.#dialog.close()}
      />`,
      this.#dialog,
    );
  }
}
