// @ts-check
/** A small menu of things that are seldom done. */

/** @import { From } from "../types/model.js" */

import { Icon } from "./icons.js";
import { html } from "./preact.js";

/**
 * @param {object} props
 * @param {string} props.label what it is about, for who does not see where it stands
 * @param {readonly { words: string, onChoose: () => void }[]} props.items
 */
export function Menu({ label, items }) {
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
      ${items.map(
        ({ words, onChoose }) => html`<button
          key=${words}
          type="button"
          class="menu-item"
          data-testid="menu-item"
          onClick=${(/** @type {From<HTMLButtonElement>} */ event) => {
            close(event.currentTarget);
            onChoose();
          }}
        >
          ${words}
        </button>`,
      )}
    </div>
  </details>`;
}
