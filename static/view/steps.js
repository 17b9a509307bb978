// @ts-check
/** What to do first, in three steps; a step that is done says so. */

/** @import { Rights } from "../model/rights.js" */

import { Icon } from "./icons.js";
import { html, memo } from "./preact.js";

/**
 * @typedef {object} StepsProps
 * @property {boolean} hasReference
 * @property {Rights} rights known
 * @property {boolean} canInvite there is a menu in the header that makes a link for others; without keys there is none
 * @property {boolean} joined
 * @property {boolean} hasParticipants
 */

/** @param {StepsProps} props */
function View({ hasReference, rights, canInvite, joined, hasParticipants }) {
  return html`<ol class="steps" data-testid="steps">
    <${Step} done=${hasReference} title=${rights === "change" ? "Add a photo" : "An admin adds a photo"}>
      <p>
        One clear, frontal face of the person to look for: <a href="#reference">Go to Reference</a>. For several people:
        ${" "}<a href="#/people">Go to People</a>
      </p>
    </${Step}>
    ${
      canInvite
        ? html`<${Step} done=${joined || hasParticipants} title="Join or invite others">
          <p>Join with your camera, or send others a link. <a href="#join">Go to Join</a></p>
          <button type="button" class="button small" popovertarget="account-menu">Invite others</button>
        </${Step}>`
        : html`<${Step} done=${joined || hasParticipants} title="Join">
          <p>Join with your camera. <a href="#join">Go to Join</a></p>
          <p class="hint">
            Only this machine reaches this page. Started with <code translate=${false}>./run.sh --expose</code>, it has links
            ${" "}for others.
          </p>
        </${Step}>`
    }
    <${Step} done=${false} title="Watch">
      <p>A card for everybody on camera appears here, and says whether it is the person in the photo.</p>
    </${Step}>
  </ol>`;
}

export const Steps = memo(View);

/** @param {{ done: boolean, title: string, children?: unknown }} props */
function Step({ done, title, children }) {
  return html`<li class="step" data-done=${done ? "yes" : "no"}>
    <span class="step-sign" aria-hidden="true">${done ? html`<${Icon} name="match" size=${18} />` : null}</span>
    <div class="step-words">
      <h3 class="step-title">${title}${done ? html`<span class="visually-hidden"> (done)</span>` : null}</h3>
      ${children}
    </div>
  </li>`;
}
