// @ts-check
/** How new alarms are told to who does not look at the page. */

/** @import { From } from "../types/model.js" */

import { Icon } from "./icons.js";
import { html, memo } from "./preact.js";

/**
 * @param {object} props
 * @param {boolean} props.sound
 * @param {boolean} props.notify
 * @param {boolean} props.blocked the browser lets nothing sound yet
 * @param {string} props.trouble why there are no notifications
 * @param {(on: boolean) => void} props.onSound
 * @param {(on: boolean) => void} props.onNotify
 * @param {string | null} props.name what they call themselves; null: they have signed in, and said it there
 * @param {(name: string) => void} props.onName
 */
function View({ sound, notify, blocked, trouble, onSound, onNotify, name, onName }) {
  const label = sound ? (blocked ? "Alarm sound: blocked until something is pressed" : "Alarm sound: on") : "Alarm sound: off";
  return html`<button type="button" class="icon-button" popovertarget="tell-menu" aria-label=${label} title=${label} data-testid="tell">
      <${Icon} name=${sound && !blocked ? "sound" : "sound_off"} size=${20} />
    </button>
    <div class="help account-menu" id="tell-menu" popover="auto">
      <h2>When there is a new alarm</h2>
      <${Choice} words="Play a sound" on=${sound} testid="tell-sound" onChange=${onSound} />
      <${Choice} words="Show a notification while this window is not in front" on=${notify} testid="tell-notify" onChange=${onNotify} />
      <p class="hint" data-tone="warn" role="status" data-testid="tell-trouble">
        ${blocked ? "The browser blocks sound until something is pressed on this page." : trouble}
      </p>
      ${
        name === null
          ? null
          : html`<label class="field">
              <span class="field-name">Your name, kept with what you say of alarms</span>
              <input
                class="input"
                maxlength="60"
                autocomplete="name"
                value=${name}
                data-testid="operator-name"
                onChange=${(/** @type {From<HTMLInputElement>} */ event) => onName(event.currentTarget.value)}
              />
            </label>`
      }
      <p class="hint">Kept in this browser.</p>
    </div>`;
}

export const TellChoice = memo(View);

/** @param {{ words: string, on: boolean, testid: string, onChange: (on: boolean) => void }} props */
function Choice({ words, on, testid, onChange }) {
  return html`<p>
    <label class="tick">
      <input
        type="checkbox"
        checked=${on}
        data-testid=${testid}
        onChange=${(/** @type {From<HTMLInputElement>} */ event) => onChange(event.currentTarget.checked)}
      />
      <span>${words}</span>
    </label>
  </p>`;
}
