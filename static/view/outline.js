// @ts-check
/** The outline of a face over a picture, placed in fractions of the element so that it scales with it. */

/** @typedef {import("../model/box.js").Rect} Rect */

import { html } from "./preact.js";

/** @param {number} fraction */
function percent(fraction) {
  return `${(fraction * 100).toFixed(3)}%`;
}

/**
 * @param {{ at: Rect, tone: "match" | "refused" | "accepted", label?: string }} props
 */
export function Outline({ at, tone, label = "" }) {
  const style = {
    left: percent(at.left),
    top: percent(at.top),
    width: percent(at.width),
    height: percent(at.height),
  };
  return html`<div class="outline" data-tone=${tone} data-testid="face-outline" style=${style} aria-hidden="true">
    ${label === "" ? null : html`<span class="outline-label" translate=${false}>${label}</span>`}
  </div>`;
}
