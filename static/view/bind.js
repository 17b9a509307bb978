// @ts-check
/** Who a participant is supposed to be, chosen among those who are enrolled. */

import { DEFAULT_PERSON } from "../model/persons.js";
import { Trouble } from "./answer.js";
import { ChoosePerson } from "./choose-person.js";
import { Icon } from "./icons.js";
import { html } from "./preact.js";

/**
 * @param {object} props
 * @param {string} props.name of the participant
 * @param {boolean} props.hasReference
 * @param {string} props.trouble
 * @param {(personId: string) => void} props.onChoose
 * @param {() => void} props.onClose
 */
export function Bind({ name, hasReference, trouble, onChoose, onClose }) {
  return html`<header class="viewer-head">
      <h2 id="bind-title">Who is <bdi translate=${false}>${name}</bdi> supposed to be?</h2>
      <button type="button" class="icon-button" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
    </header>
    <div class="merge-content" data-testid="bind">
      <p class="quiet">
        They are compared with that person, one to one, and their card says whether it is them. It holds in this room until
        it is taken back.
      </p>
      <${ChoosePerson} without="" onChoose=${onChoose} />
      ${
        hasReference
          ? html`<p><button type="button" class="button small" onClick=${() => onChoose(DEFAULT_PERSON)}>The person of the reference photo</button></p>`
          : null
      }
      <${Trouble} words=${trouble} />
    </div>`;
}
