// @ts-check
/** A sentence with names in it, which nobody translates, apart from words. */

import { partsOf } from "../model/text.js";
import { html } from "./preact.js";

/** @param {{ words: string }} props as `isolated` marks them */
export function Sentence({ words }) {
  return html`<span>
    ${partsOf(words).map(({ text, name }, index) =>
      name ? html`<bdi key=${index} translate=${false}>${text}</bdi>` : html`<span key=${index}>${text}</span>`,
    )}
  </span>`;
}
