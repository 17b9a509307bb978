// @ts-check
/** Two people who are one: the other is looked up, compared side by side, and merged. */

/** @import { PersonWhole } from "../types/people.js" */

import { faceUrl } from "../model/persons.js";
import { counted, displayName } from "../model/text.js";
import { fetchPerson, mergePeople } from "../net/people.js";
import { Trouble, told } from "./answer.js";
import { ChoosePerson } from "./choose-person.js";
import { showModal } from "./focus.js";
import { Icon } from "./icons.js";
import { html, useEffect, useRef, useState } from "./preact.js";

/**
 * @param {object} props
 * @param {PersonWhole} props.person
 * @param {() => void} props.onClose
 * @param {(person: PersonWhole) => void} props.onMerged
 */
export function Merge({ person, onClose, onMerged }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [other, setOther] = useState(/** @type {PersonWhole | null} */ (null));
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (dialog.current !== null) showModal(dialog.current);
  }, []);

  const attempt = async (/** @type {() => Promise<void>} */ action) => {
    if (busy) return;
    setBusy(true);
    setTrouble("");
    try {
      await action();
    } catch (error) {
      setTrouble(told(error).message);
    }
    setBusy(false);
  };
  const name = displayName(person.name);

  return html`<dialog ref=${dialog} class="dialog merge" aria-labelledby="merge-title" data-testid="merge" onClose=${onClose}>
    <header class="viewer-head">
      <h2 id="merge-title">${other === null ? html`<span>Who is also <bdi translate=${false}>${name}</bdi>?</span>` : "Are these two one person?"}</h2>
      <button type="button" class="icon-button" aria-label="Close" onClick=${() => dialog.current?.close()}><${Icon} name="close" /></button>
    </header>
    <div class="merge-content">
      ${
        other === null
          ? html`<${ChoosePerson} without=${person.id} onChoose=${(/** @type {string} */ id) => attempt(async () => setOther(await fetchPerson(id)))} />`
          : html`<div class="sides" data-testid="sides"><${Side} person=${person} /><${Side} person=${other} /></div>
              <p>
                The photos of <bdi translate=${false}>${displayName(other.name)}</bdi> become those of
                ${" "}<bdi translate=${false}>${name}</bdi>, and so does what was seen of them. A split undoes it at any time.
              </p>`
      }
      <${Trouble} words=${trouble} />
      ${
        other === null
          ? null
          : html`<div class="erase-actions">
              <button type="button" class="button" onClick=${() => setOther(null)}>Choose another</button>
              <button
                type="button"
                class="button primary"
                data-testid="merge-confirm"
                aria-disabled=${busy ? "true" : "false"}
                onClick=${() =>
                  attempt(async () => {
                    const whole = await mergePeople(person.id, other.id);
                    dialog.current?.close();
                    onMerged(whole);
                  })}
              >
                They are one: merge
              </button>
            </div>`
      }
    </div>
  </dialog>`;
}

/** @param {{ person: PersonWhole }} props */
function Side({ person }) {
  return html`<section class="side" aria-label=${displayName(person.name)}>
    <h3 class="clip"><bdi translate=${false}>${displayName(person.name)}</bdi></h3>
    <p class="quiet">${counted(person.photos, "photo")}</p>
    <ul class="side-photos">
      ${person.photo_list.map(
        (photo, index) => html`<li key=${photo.id}><img src=${faceUrl(photo.url, 256)} alt=${`Photo ${index + 1}`} width="256" height="256" loading="lazy" /></li>`,
      )}
    </ul>
  </section>`;
}
