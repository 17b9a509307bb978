// @ts-check
/** A small menu of things that are seldom done. */

/** @import { From } from "../types/model.js" */

import { Icon } from "./icons.js";
import { html } from "./preact.js";

/**
 * @param {object} props
 * @param {string} props.label what it is about, for who does not see where it stands
 * @param {string} props.item
 * @param {() => void} props.onChoose
 */
export function Menu({ label, item, onChoose }) {
  const close = (/** @type {HTMLElement} */ inside) => {
    const menu = inside.closest("details");
    if (menu !== null) menu.open = false;
  };
  return html`<details
    class="menu"
    onKeyDown=${(/** @type {From<HTMLDetailsElement> & KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || !event.currentTarget.open) return;
      close(event.currentTarget);
      event.currentTarget.querySelector("summary")?.focus();
    }}
    onFocusOut=${(/** @type {From<HTMLDetailsElement> & FocusEvent} */ event) => {
      const next = event.relatedTarget;
      if (next instanceof Node && !event.currentTarget.contains(next)) close(event.currentTarget);
    }}
  >
    <summary class="icon-button" aria-label=${label} data-testid="menu"><${Icon} name="more" /></summary>
    <div class="menu-items">
      <button
        type="button"
        class="menu-item"
        data-testid="menu-item"
        onClick=${(/** @type {From<HTMLButtonElement>} */ event) => {
          close(event.currentTarget);
          onChoose();
        }}
      >
        ${item}
      </button>
    </div>
  </details>`;
}
