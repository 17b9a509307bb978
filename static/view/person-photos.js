// @ts-check
/** A person's photos, with what is wrong about each; removed one by one, or moved to somebody else. */

/** @import { From } from "../types/model.js" */
/** @import { PersonWhole, Photo } from "../types/people.js" */

import { faceUrl, flagsOf } from "../model/persons.js";
import { counted, displayName } from "../model/text.js";
import { removePhoto, splitPerson } from "../net/people.js";
import { Trouble, told } from "./answer.js";
import { Icon } from "./icons.js";
import { html, useState } from "./preact.js";
import { Sentence } from "./sentence.js";

const SIDE = 256;

/**
 * @typedef {object} PersonPhotosProps
 * @property {PersonWhole} person
 * @property {boolean} may
 * @property {() => void} onChanged
 * @property {(other: PersonWhole) => void} onSplit
 */

/** @param {PersonPhotosProps} props */
export function PersonPhotos({ person, may, onChanged, onSplit }) {
  const [chosen, setChosen] = useState(/** @type {readonly string[] | null} */ (null));
  const [asked, setAsked] = useState("");
  const [trouble, setTrouble] = useState("");
  const { photo_list: photos } = person;

  const attempt = async (/** @type {() => Promise<void>} */ action) => {
    setTrouble("");
    try {
      await action();
    } catch (error) {
      setTrouble(told(error).message);
    }
  };
  const remove = (/** @type {Photo} */ photo) =>
    attempt(async () => {
      await removePhoto(photo.url);
      setAsked("");
      onChanged();
    });
  const toggle = (/** @type {string} */ id) =>
    setChosen((before) => (before?.includes(id) ? before.filter((one) => one !== id) : [...(before ?? []), id]));

  if (photos.length === 0) return html`<p class="quiet" data-testid="no-photos">No photo yet.</p>`;
  return html`<ul class="photos" data-testid="photos">
      ${photos.map((photo, index) => {
        const flags = flagsOf(photo, person);
        const called = `photo ${index + 1}`;
        return html`<li key=${photo.id} class="photo" data-testid="photo" data-photo=${photo.id} data-flagged=${flags.some(({ code }) => code !== "MERGED") ? "yes" : "no"}>
          <a class="photo-face" href=${photo.url} target="_blank" rel="noopener" title=${photo.source} aria-label=${`Open ${called}`}>
            <img src=${faceUrl(photo.url, SIDE)} alt=${`The face in ${called}`} width=${SIDE} height=${SIDE} loading="lazy" decoding="async" />
          </a>
          ${
            chosen === null
              ? null
              : html`<label class="photo-choose">
                  <input type="checkbox" data-testid="choose-photo" checked=${chosen.includes(photo.id)} onChange=${() => toggle(photo.id)} />
                  <span class="visually-hidden">Choose ${called}</span>
                </label>`
          }
          ${
            flags.length === 0
              ? null
              : html`<ul class="photo-flags">
                  ${flags.map(({ code, short, help }) => html`<li key=${code} class="photo-flag" data-code=${code} title=${help}><${Sentence} words=${short} /></li>`)}
                </ul>`
          }
          ${
            asked === photo.id
              ? html`<div class="photo-ask" role="group" aria-label=${`Remove ${called}`}>
                  <p>This very file is refused from then on.</p>
                  <button type="button" class="button small danger" data-testid="remove-photo" onClick=${() => void remove(photo)}>Remove it</button>
                  <button type="button" class="button small" onClick=${() => setAsked("")}>Keep it</button>
                </div>`
              : may && chosen === null
                ? html`<button type="button" class="icon-button photo-remove" aria-label=${`Remove ${called}…`} onClick=${() => setAsked(photo.id)}>
                    <${Icon} name="close" size=${18} />
                  </button>`
                : null
          }
        </li>`;
      })}
    </ul>
    ${
      may && photos.length > 1
        ? html`<${Moving} person=${person} chosen=${chosen} onBegin=${() => setChosen([])} onEnd=${() => setChosen(null)} onMove=${(/** @type {string} */ name) =>
            attempt(async () => {
              const other = await splitPerson(person.id, chosen ?? [], name);
              setChosen(null);
              onSplit(other);
            })} />`
        : null
    }
    <${Trouble} words=${trouble} />`;
}

/**
 * @param {object} props
 * @param {PersonWhole} props.person
 * @param {readonly string[] | null} props.chosen
 * @param {() => void} props.onBegin
 * @param {() => void} props.onEnd
 * @param {(name: string) => void} props.onMove
 */
function Moving({ person, chosen, onBegin, onEnd, onMove }) {
  const [name, setName] = useState("");
  if (chosen === null) {
    return html`<button type="button" class="button small quiet-button" data-testid="begin-split" onClick=${onBegin}>
      Some show somebody else…
    </button>`;
  }
  const ready = chosen.length > 0 && chosen.length < person.photo_list.length;
  return html`<div class="moving" data-testid="moving">
    <p>${chosen.length === 0 ? "Choose the photos that show somebody else." : `${counted(chosen.length, "photo")} chosen.`}</p>
    <label class="field">
      <span class="field-name">Who they are</span>
      <input
        class="input"
        maxlength="200"
        autocomplete="off"
        placeholder=${displayName(person.name)}
        data-testid="split-name"
        value=${name}
        onInput=${(/** @type {From<HTMLInputElement>} */ event) => setName(event.currentTarget.value)}
      />
    </label>
    <div class="moving-actions">
      <button type="button" class="button primary" data-testid="split" aria-disabled=${ready ? "false" : "true"} onClick=${() => ready && onMove(name.trim())}>
        Move to a person of their own
      </button>
      <button type="button" class="button" onClick=${onEnd}>Cancel</button>
    </div>
  </div>`;
}
