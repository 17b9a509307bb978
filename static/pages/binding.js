// @ts-check
/** Saying who a participant is supposed to be, and what follows from it; in a dialog of its own. */

import { told } from "../view/answer.js";
import { acknowledge, bind, unbind } from "../net/identity.js";
import { Bind } from "../view/bind.js";
import { showModal } from "../view/focus.js";
import { html, render } from "../view/preact.js";

export class Binding {
  #dialog;
  #about;
  #onChanged;
  /** @type {{ identity: string, name: string } | null} */
  #whose = null;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {() => { room: string, hasReference: boolean }} about
   * @param {() => void} onChanged
   */
  constructor(dialog, about, onChanged) {
    this.#dialog = dialog;
    this.#about = about;
    this.#onChanged = onChanged;
    dialog.addEventListener("close", () => {
      this.#whose = null;
      render(null, dialog);
    });
  }

  /** @param {string} identity @param {string} name */
  ask = (identity, name) => {
    this.#whose = { identity, name };
    this.#draw("");
    showModal(this.#dialog);
  };

  /** @param {string} identity @param {string} name */
  release = (identity, name) => void this.#attempt(identity, name, () => unbind(identity));

  /** @param {string} identity @param {string} name */
  seenTo = (identity, name) => void this.#attempt(identity, name, () => acknowledge(identity));

  /**
   * @param {string} identity
   * @param {string} name
   * @param {() => Promise<void>} action
   */
  async #attempt(identity, name, action) {
    try {
      await action();
      this.#dialog.close();
    } catch (error) {
      this.#whose = { identity, name };
      this.#draw(told(error).message);
      showModal(this.#dialog);
    }
    this.#onChanged();
  }

  /** @param {string} trouble */
  #draw(trouble) {
    const whose = this.#whose;
    if (whose === null) return;
    const { room, hasReference } = this.#about();
    render(
      html`<${Bind}
        name=${whose.name}
        hasReference=${hasReference}
        trouble=${trouble}
        onChoose=${(/** @type {string} */ person) =>
          void this.#attempt(whose.identity, whose.name, () => bind(whose.identity, room, person))}
        onClose=${() => this.#dialog.close()}
      />`,
      this.#dialog,
    );
  }
}
