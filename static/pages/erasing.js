// @ts-check
/** Erasing, from the question to the receipt, in a dialog of its own. */

/** @import { Receipt } from "../net/erase.js" */
/** @import { Subject } from "../view/erase.js" */

import { hrefOf } from "../model/route.js";
import { ApiError } from "../net/api.js";
import { eraseParticipant, eraseReference } from "../net/erase.js";
import { erasePerson } from "../net/people.js";
import { Erase } from "../view/erase.js";
import { showModal } from "../view/focus.js";
import { html, render } from "../view/preact.js";

export class Erasing {
  /** @type {HTMLDialogElement} */
  #dialog;
  /** @type {(kind: Subject["kind"]) => void} */
  #onErased;
  /** @type {Subject | null} */
  #subject = null;
  /** @type {{ busy: boolean, receipt: Receipt | null, sentence: string }} */
  #progress = { busy: false, receipt: null, sentence: "" };

  /**
   * @param {HTMLDialogElement} dialog
   * @param {(kind: Subject["kind"]) => void} onErased
   */
  constructor(dialog, onErased) {
    this.#dialog = dialog;
    this.#onErased = onErased;
    dialog.addEventListener("close", () => {
      const { kind } = this.#subject ?? {};
      this.#subject = null;
      render(null, dialog);
      if (kind === "person" && this.#progress.receipt !== null) location.hash = hrefOf("people");
    });
  }

  /** @param {Subject} subject what is to be erased, if whoever is asked agrees */
  ask(subject) {
    this.#subject = subject;
    this.#draw({ busy: false, receipt: null, sentence: "" });
    showModal(this.#dialog);
  }

  async #confirm() {
    const subject = this.#subject;
    if (subject === null || this.#progress.busy) return;
    this.#draw({ busy: true, receipt: null, sentence: "" });
    try {
      const receipt = await erase(subject);
      this.#onErased(subject.kind);
      if (this.#subject === subject) this.#draw({ busy: false, receipt, sentence: "" });
    } catch (error) {
      const sentence = error instanceof ApiError ? error.message : "It did not work. Try again.";
      if (this.#subject === subject) this.#draw({ busy: false, receipt: null, sentence });
    }
  }

  /** @param {{ busy: boolean, receipt: Receipt | null, sentence: string }} progress */
  #draw(progress) {
    this.#progress = progress;
    render(
      html`<${Erase}
        subject=${this.#subject}
        busy=${progress.busy}
        receipt=${progress.receipt}
        sentence=${progress.sentence}
        onConfirm=${() => void this.#confirm()}
        onClose=${() => this.#dialog.close()}
      />`,
      this.#dialog,
    );
    if (progress.receipt !== null) this.#dialog.querySelector("button")?.focus();
  }
}

/** @param {Subject} subject */
function erase(subject) {
  if (subject.kind === "person") return erasePerson(subject.id);
  return subject.kind === "participant" ? eraseParticipant(subject.identity) : eraseReference();
}
