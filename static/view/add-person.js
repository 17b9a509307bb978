// @ts-check
/** Somebody new: a name, and photos, each with what it is worth. */

/** @import { From } from "../types/model.js" */
/** @import { PersonWhole } from "../types/people.js" */

import { hrefOf } from "../model/route.js";
import { displayName } from "../model/text.js";
import { addPerson } from "../net/people.js";
import { Trouble, told } from "./answer.js";
import { Icon } from "./icons.js";
import { PhotoIntake } from "./photo-intake.js";
import { html, useRef, useState } from "./preact.js";

export function AddPerson() {
  const [name, setName] = useState("");
  const [person, setPerson] = useState(/** @type {PersonWhole | null} */ (null));
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const [enrolled, setEnrolled] = useState(false);
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));

  /** Somebody with a name and no photo is nobody yet: they are made when the first one is sent. */
  const begin = async () => {
    if (person !== null) return person.id;
    if (name.trim() === "") {
      setTrouble("Give them a name first.");
      field.current?.focus();
      return null;
    }
    if (busy) return null;
    setBusy(true);
    setTrouble("");
    try {
      const added = await addPerson(name.trim());
      setPerson(added);
      return added.id;
    } catch (error) {
      setTrouble(told(error).message);
      return null;
    } finally {
      setBusy(false);
    }
  };

  return html`<div class="place-head">
      <a class="back" href=${hrefOf("people")}><${Icon} name="previous" size=${18} />People</a>
      <h2 class="place-title" tabindex="-1" data-place-title="people">Add a person</h2>
    </div>
    <section class="panel add-person" aria-label="New person">
      ${
        person === null
          ? html`<form
              class="add-name"
              onSubmit=${(/** @type {Event} */ event) => {
                event.preventDefault();
                void begin();
              }}
            >
              <label class="field">
                <span class="field-name">Name</span>
                <input
                  class="input"
                  ref=${field}
                  maxlength="200"
                  autocomplete="off"
                  data-testid="new-name"
                  aria-describedby="add-trouble"
                  value=${name}
                  onInput=${(/** @type {From<HTMLInputElement>} */ event) => {
                    setName(event.currentTarget.value);
                    setTrouble("");
                  }}
                />
              </label>
            </form>`
          : html`<p class="added" role="status" data-testid="added">
              <${Icon} name="match" /><span><bdi translate=${false}>${displayName(person.name)}</bdi> ${enrolled ? "is enrolled." : "is added, and looked for as soon as there is a photo."}</span>
            </p>`
      }
      ${trouble === "" ? null : html`<div id="add-trouble"><${Trouble} words=${trouble} /></div>`}
      <${PhotoIntake} personId=${person?.id ?? ""} begin=${begin} onChanged=${() => setEnrolled(true)} />
      <div class="add-actions">
        ${
          person === null
            ? html`<button type="button" class="button primary" data-testid="add" onClick=${() => void begin()}>Add</button>`
            : html`<a class="button primary" href=${hrefOf("people", person.id)} data-testid="open-person">
                Open <bdi translate=${false}>${displayName(person.name)}</bdi>
              </a>`
        }
      </div>
    </section>`;
}
