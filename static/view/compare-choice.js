// @ts-check
/** Being compared or not: asked for before joining, and shown and changed in the room. */

/** @import { From } from "../types/model.js" */
/** @import { Choice } from "../room/session.js" */

import { html } from "./preact.js";

/**
 * Where consent is required it is asked for; elsewhere one may join without being compared.
 *
 * @param {object} props
 * @param {boolean} props.required
 * @param {Choice} props.choice
 * @param {(choice: Choice) => void} props.onChoice
 */
export function CompareChoice({ required, choice, onChoice }) {
  const ticked = required ? choice.consent : !choice.compared;
  const onChange = (/** @type {From<HTMLInputElement>} */ event) => {
    const { checked } = event.currentTarget;
    onChoice(required ? { consent: checked, compared: true } : { consent: false, compared: !checked });
  };
  return html`<label class="tick">
    <input
      type="checkbox"
      data-testid=${required ? "consent" : "not-compared"}
      aria-describedby="compare-hint"
      checked=${ticked}
      onChange=${onChange}
    />
    <span>
      ${required ? "I agree that my face is compared" : "Join without being compared"}
      <span class="hint" id="compare-hint">${required ? ASKED : WITHOUT}</span>
    </span>
  </label>`;
}

const ASKED = `While your camera is on, its picture is compared every few seconds with photos of the people whom this room
  looks for. Kept are how similar it was and, of a match, your face in the picture. Without this you join all the same
  and are not looked at; you can change your mind at any time.`;
const WITHOUT = `The others see you, and your camera is not looked at: nothing is compared, and no picture is kept.`;

/**
 * @param {object} props
 * @param {boolean} props.required
 * @param {boolean} props.consent
 * @param {boolean} props.compared
 * @param {boolean} props.busy
 * @param {() => void} props.onToggle
 */
export function CompareState({ required, consent, compared, busy, onToggle }) {
  if (!required) {
    return compared ? null : html`<p class="hint" data-testid="compare-state">You are not compared.</p>`;
  }
  return html`<p class="compare-state" data-testid="compare-state">
    <span class="hint" role="status">
      ${consent ? "You have agreed that your face is compared." : "You are not looked at: you have not agreed."}
    </span>
    <button
      type="button"
      class="button small"
      data-testid="consent-button"
      aria-disabled=${busy ? "true" : "false"}
      onClick=${() => !busy && onToggle()}
    >
      ${consent ? "Withdraw" : "Agree"}
    </button>
  </p>`;
}
