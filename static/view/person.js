// @ts-check
/** One person: who they are, what is wrong, their photos, when they were there, and what can be done about them. */

/** @import { RoomsOffer } from "../model/rooms.js" */
/** @import { Rights } from "../model/rights.js" */
/** @import { PersonWhole } from "../types/people.js" */

import { photosFrom, remarksOn, whereabouts } from "../model/persons.js";
import { hrefOf } from "../model/route.js";
import { counted, dayTime, displayName } from "../model/text.js";
import { exportPath, fetchPerson, splitPerson } from "../net/people.js";
import { Trouble, told, useAnswer } from "./answer.js";
import { Icon } from "./icons.js";
import { InvitePerson } from "./invite-person.js";
import { Merge } from "./merge.js";
import { PersonDetails } from "./person-details.js";
import { PersonPhotos } from "./person-photos.js";
import { PersonPresence } from "./person-presence.js";
import { PhotoIntake } from "./photo-intake.js";
import { Portrait } from "./portrait.js";
import { html, useState } from "./preact.js";
import { Sentence } from "./sentence.js";

/**
 * @typedef {object} PersonPageProps
 * @property {string} id
 * @property {string} day of the strip; "" today
 * @property {boolean} shown
 * @property {Rights} rights
 * @property {boolean} canInvite
 * @property {RoomsOffer | null} offer rooms to invite to; null: there is one
 * @property {number} now ms, whole minutes
 * @property {(href: string) => void} go
 * @property {(href: string) => void} stay
 * @property {(person: { id: string, name: string, photos: number }) => void} onErase
 */

/** @param {PersonPageProps} props */
export function PersonPage({ id, day, shown, rights, canInvite, offer, now, go, stay, onErase }) {
  const { answer: person, trouble, code, again, put } = useAnswer(() => fetchPerson(id), [id, shown]);
  const [merging, setMerging] = useState(false);
  const back = html`<a class="back" href=${hrefOf("people")}><${Icon} name="previous" size=${18} />People</a>`;
  if (person === null || code === "NO_PERSON") {
    return html`<div class="place-head">${back}</div>
      ${
        code === "NO_PERSON"
          ? html`<h2 class="place-title" tabindex="-1" data-place-title="people">Nobody</h2>
            <p class="empty" data-testid="no-person"><${Icon} name="empty" size=${32} /><span>There is nobody of this id any more: erased, or merged into somebody else.</span></p>`
          : html`<${Trouble} words=${trouble} onAgain=${again} />`
      }`;
  }
  const name = displayName(person.name);
  const may = rights === "change";
  return html`<div class="place-head">${back}</div>
    <header class="person-head" data-testid="person" data-person=${person.id}>
      <${Portrait} url=${person.portrait} name=${person.name} side=${256} />
      <div class="person-title">
        <h2 class="place-title" tabindex="-1" data-place-title="people"><bdi translate=${false}>${name}</bdi></h2>
        <p class="quiet"><${Sentence} words=${`${counted(person.photos, "photo")}, looked for ${whereabouts(person)}${seenWords(person)}`} /></p>
      </div>
      ${
        may
          ? html`<div class="person-actions">
              ${canInvite ? html`<${InvitePerson} id=${id} offer=${offer} />` : null}
              <button type="button" class="button small" data-testid="begin-merge" onClick=${() => setMerging(true)}>Same as somebody else…</button>
              <a class="button small" href=${exportPath(id)} download data-testid="export"><${Icon} name="download" size=${16} />Export</a>
              <button type="button" class="button small danger" data-testid="erase-person" onClick=${() => onErase({ id, name, photos: person.photos })}>Erase…</button>
            </div>`
          : null
      }
    </header>
    <${Remarks} person=${person} now=${now} />
    <div class="person-columns">
      <div class="person-main">
        <section class="panel" aria-labelledby="photos-title">
          <h3 id="photos-title" class="panel-title">Photos</h3>
          <${PersonPhotos} person=${person} may=${may} onChanged=${again} onSplit=${(/** @type {PersonWhole} */ other) => go(hrefOf("people", other.id))} />
          ${may ? html`<${PhotoIntake} personId=${person.id} begin=${async () => person.id} onChanged=${again} />` : null}
          <${Merged} person=${person} may=${may} onChanged=${again} />
        </section>
        <${PersonPresence} person=${person} day=${day} shown=${shown} now=${now} stay=${stay} />
      </div>
      <${PersonDetails} key=${person.id} person=${person} may=${may} onChanged=${put} />
    </div>
    ${merging ? html`<${Merge} person=${person} onClose=${() => setMerging(false)} onMerged=${(/** @type {PersonWhole} */ whole) => {
      setMerging(false);
      put(whole);
    }} />` : null}`;
}

/** @param {PersonWhole} person */
function seenWords({ last_seen_at: seen }) {
  return seen === null ? ", not seen yet" : `, last seen ${dayTime(Date.parse(seen))}`;
}

/** @param {{ person: PersonWhole, now: number }} props */
function Remarks({ person, now }) {
  const remarks = remarksOn(person, now);
  if (remarks.length === 0) return null;
  return html`<ul class="remarks" aria-label="Needs attention" data-testid="remarks">
    ${remarks.map(
      ({ code, help }) => html`<li key=${code} data-code=${code}><${Icon} name="error" size=${18} /><span>${help}</span></li>`,
    )}
  </ul>`;
}

/** @param {{ person: PersonWhole, may: boolean, onChanged: () => void }} props */
function Merged({ person, may, onChanged }) {
  const [trouble, setTrouble] = useState("");
  if (person.merged.length === 0) return null;
  const split = async (/** @type {string} */ other) => {
    setTrouble("");
    try {
      await splitPerson(person.id, photosFrom(person, other), "");
      onChanged();
    } catch (error) {
      setTrouble(told(error).message);
    }
  };
  return html`<div class="merged">
    <h4 class="merged-title">Merged into this person</h4>
    <ul>
      ${person.merged.map((other) => {
        const photos = photosFrom(person, other.id);
        return html`<li key=${other.id} class="merged-row" data-testid="merged">
          <span><bdi translate=${false}>${displayName(other.name)}</bdi><span class="quiet">, ${counted(photos.length, "photo")}</span></span>
          ${
            may && photos.length > 0
              ? html`<button type="button" class="button small" data-testid="split-back" onClick=${() => void split(other.id)}>Split again</button>`
              : null
          }
        </li>`;
      })}
    </ul>
    <${Trouble} words=${trouble} />
  </div>`;
}
