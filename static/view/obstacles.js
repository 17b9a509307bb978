// @ts-check
/** What keeps guests who follow a link from joining, said where it is made. */

/** @import { Invitation } from "../net/login.js" */

import { html } from "./preact.js";

/** @param {{ invitation: Invitation }} props */
export function Obstacles({ invitation }) {
  if (invitation.warnings.length === 0) return null;
  return html`<div role="alert" data-testid="invitation-warnings">
    ${invitation.warnings.map((sentence) => html`<p key=${sentence} class="hint" data-tone="warn">${sentence}</p>`)}
  </div>`;
}
