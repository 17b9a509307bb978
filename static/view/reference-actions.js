// @ts-check
/** What can be done about the reference photo. Its place is kept until it is known who looks, so that nothing moves. */

/** @import { From, ReferenceStatus } from "../types/model.js" */
/** @import { Rights } from "../model/rights.js" */
/** @import { Attempt } from "./reference.js" */

import { Icon } from "./icons.js";
import { Menu } from "./menu.js";
import { html } from "./preact.js";

const TAKES = "image/jpeg,image/png,image/webp";

/**
 * @typedef {object} ReferenceActionsProps
 * @property {Rights} rights
 * @property {Attempt | null} attempt
 * @property {ReferenceStatus | null} reference
 * @property {boolean} over a file is held over the panel
 * @property {(file: File | undefined) => void} onChoose
 * @property {() => void} onStop
 * @property {() => void} onErase
 */

/** @param {ReferenceActionsProps} props */
export function ReferenceActions({ rights, attempt, reference, over, onChoose, onStop, onErase }) {
  if (rights === "look") return null;
  if (rights === "unknown") return html`<div class="reference-actions"></div>`;
  return html`<div class="reference-actions">
    <label class="button ${reference === null ? "primary" : ""} file-button">
      <${Icon} name="upload" />${chooseWords(attempt, reference)}
      <input
        class="visually-hidden"
        type="file"
        accept=${TAKES}
        data-testid="reference-file"
        onChange=${(/** @type {From<HTMLInputElement>} */ event) => {
          onChoose(event.currentTarget.files?.[0]);
          event.currentTarget.value = ""; // choosing the same file again is a new try
        }}
      />
    </label>
    ${
      reference === null
        ? null
        : html`<${Menu}
          label="More about the reference"
          items=${[{ words: "Remove the reference…", onChoose: onErase }]}
        />`
    }
    ${
      attempt?.state === "sending"
        ? html`<button type="button" class="button" onClick=${onStop}>Stop</button>`
        : html`<span class="quiet drop-hint">${over ? "let go now" : "or drop it"}</span>`
    }
  </div>`;
}

/**
 * @param {Attempt | null} attempt
 * @param {ReferenceStatus | null} reference
 */
function chooseWords(attempt, reference) {
  if (attempt?.state === "refused") return "Choose another";
  return reference === null ? "Choose a photo" : "Replace photo";
}
