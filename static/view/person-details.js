// @ts-check
/** What is known of a person besides their photos, to be read or changed. */

/** @import { From } from "../types/model.js" */
/** @import { PersonWhole } from "../types/people.js" */

import { roomsIn } from "../model/persons.js";
import { hrefOf } from "../model/route.js";
import { dayOf, dayText } from "../model/strip.js";
import { dayTime, displayName, fullTime, isolated } from "../model/text.js";
import { changePerson } from "../net/people.js";
import { Trouble, told } from "./answer.js";
import { html, useEffect, useState } from "./preact.js";
import { Sentence } from "./sentence.js";

/**
 * @typedef {object} Form
 * @property {string} name
 * @property {string} rooms
 * @property {string} tolerance
 * @property {string} basis
 * @property {string} agreed the day; "" they have not
 * @property {string} text which text they agreed to
 * @property {string} until
 */

/** @param {PersonWhole} person @returns {Form} */
function formOf({ name, rooms, tolerance, basis, consent, delete_at: until }) {
  return {
    name,
    rooms: rooms.join(", "),
    tolerance: tolerance === null ? "" : String(tolerance),
    basis,
    agreed: consent === null ? "" : dayText(Date.parse(consent.at)),
    text: consent === null ? "" : consent.text_version,
    until: until === null ? "" : dayText(Date.parse(until) - 1), // it ends with that day
  };
}

/**
 * What is another now, as the server takes it.
 *
 * @param {Form} form
 * @param {Form} before
 */
function changesOf(form, before) {
  /** @type {Record<string, unknown>} */
  const change = {};
  if (form.name !== before.name) change["name"] = form.name;
  if (form.rooms !== before.rooms) change["rooms"] = roomsIn(form.rooms);
  if (form.tolerance !== before.tolerance) change["tolerance"] = form.tolerance === "" ? null : Number(form.tolerance);
  if (form.basis !== before.basis) change["basis"] = form.basis;
  if (form.agreed !== before.agreed || form.text !== before.text) {
    const day = dayOf(form.agreed);
    change["consent"] = day === null ? null : { at: new Date(day.from).toISOString(), by: "page", text_version: form.text };
  }
  if (form.until !== before.until) {
    const day = dayOf(form.until);
    change["delete_at"] = day === null ? null : new Date(day.to).toISOString();
  }
  return change;
}

/** @param {{ person: PersonWhole, may: boolean, onChanged: (person: PersonWhole) => void }} props */
export function PersonDetails({ person, may, onChanged }) {
  const before = formOf(person);
  const [form, setForm] = useState(before);
  const [said, setSaid] = useState({ trouble: "", saved: false });
  const [busy, setBusy] = useState(false);
  useEffect(() => setForm(formOf(person)), [person.name, person.basis, person.rooms.join(), person.tolerance, person.delete_at, person.consent?.at, person.consent?.text_version]);
  const change = changesOf(form, before);
  const dirty = Object.keys(change).length > 0;

  const save = async () => {
    if (busy || !dirty) return;
    setBusy(true);
    setSaid({ trouble: "", saved: false });
    try {
      onChanged(await changePerson(person.id, change));
      setSaid({ trouble: "", saved: true });
    } catch (error) {
      setSaid({ trouble: told(error).message, saved: false });
    }
    setBusy(false);
  };
  /** @param {keyof Form} name */
  const typed = (name) => (/** @type {From<HTMLInputElement | HTMLTextAreaElement>} */ event) => {
    setForm({ ...form, [name]: event.currentTarget.value });
    setSaid({ trouble: "", saved: false });
  };

  return html`<section class="panel details" aria-labelledby="details-title">
    <h3 id="details-title" class="panel-title">Details</h3>
    ${
      may
        ? html`<form
            class="details-form"
            data-testid="details"
            onSubmit=${(/** @type {Event} */ event) => {
              event.preventDefault();
              void save();
            }}
          >
            <label class="field">
              <span class="field-name">Name</span>
              <input class="input" required maxlength="200" autocomplete="off" data-testid="detail-name" value=${form.name} onInput=${typed("name")} />
            </label>
            <label class="field">
              <span class="field-name">Rooms</span>
              <input class="input" autocomplete="off" placeholder="every room" data-testid="detail-rooms" value=${form.rooms} onInput=${typed("rooms")} />
              <span class="hint">Where they are looked for, with commas between. Fewer people in a room, surer names.</span>
            </label>
            <label class="field">
              <span class="field-name">Tolerance</span>
              <input
                class="input"
                type="number"
                min="0.01"
                max="1"
                step="0.01"
                placeholder="as for everybody"
                data-testid="detail-tolerance"
                value=${form.tolerance}
                onInput=${typed("tolerance")}
              />
              <span class="hint">Lower is stricter. With more photos and people a stricter one is in force by itself.</span>
            </label>
            <label class="field">
              <span class="field-name">Basis</span>
              <textarea class="input details-basis" rows="3" maxlength="2000" data-testid="detail-basis" value=${form.basis} onInput=${typed("basis")}></textarea>
              <span class="hint">Why their photos may be kept, in your words.</span>
            </label>
            <label class="field">
              <span class="field-name">Agreed on</span>
              <input class="input" type="date" data-testid="detail-agreed" value=${form.agreed} onInput=${typed("agreed")} />
              <span class="hint">The day on which they agreed to be looked for. Empty: they have not, or not any more. <${Sentence} words=${consentWords(person)} /></span>
            </label>
            ${
              form.agreed === ""
                ? null
                : html`<label class="field">
                    <span class="field-name">To which text</span>
                    <input class="input" maxlength="200" autocomplete="off" data-testid="detail-text" value=${form.text} onInput=${typed("text")} />
                  </label>`
            }
            <label class="field">
              <span class="field-name">Erased after</span>
              <input class="input" type="date" data-testid="detail-until" value=${form.until} onInput=${typed("until")} />
              <span class="hint">By themselves, with all that names them: ${dateWords(person.erased_at)}, as it is now. Empty: when they were not seen for long.</span>
            </label>
            <div class="details-actions">
              <button type="submit" class="button primary" data-testid="save" aria-disabled=${dirty && !busy ? "false" : "true"}>Save</button>
              <span class="quiet" role="status" data-testid="saved">${said.saved && !dirty ? "Saved. In force within a second." : ""}</span>
            </div>
            <${Trouble} words=${said.trouble} />
          </form>`
        : html`<dl class="facts details-facts" data-testid="details">
            <div><dt>Rooms</dt><dd translate=${false}>${person.rooms.length === 0 ? "every room" : person.rooms.join(", ")}</dd></div>
            <div><dt>Tolerance</dt><dd>${person.tolerance ?? "as for everybody"}</dd></div>
            <div><dt>Basis</dt><dd>${person.basis === "" ? "none noted" : html`<bdi translate=${false}>${person.basis}</bdi>`}</dd></div>
            <div><dt>Consent</dt><dd><${Sentence} words=${consentWords(person) || "none noted"} /></dd></div>
            <div><dt>Erased after</dt><dd>${dateWords(person.erased_at)}</dd></div>
          </dl>`
    }
    <${Sureness} person=${person} />
    <p class="hint details-id">Added ${fullTime(Date.parse(person.created_at))}, id <span translate=${false}>${person.id}</span></p>
  </section>`;
}

/** @param {{ person: PersonWhole }} props The tolerance in force, why it is that, and who may be taken for them. */
function Sureness({ person: { recognition } }) {
  if (recognition === null || recognition === undefined) return null;
  const { tolerance, candidates, resembles } = recognition;
  const among = candidates > 1 ? ` among ${candidates.toLocaleString()} people` : "";
  const why = recognition.reason === "stranger_rate" ? ", stricter because they are so many" : "";
  return html`<p class="hint" data-testid="recognition">
      ${
        tolerance === null
          ? `Nobody is named by one look${among}: give them rooms, or bind participants to them.`
          : `A face is theirs within ${tolerance.toFixed(3)}${among}${why}.`
      }
      ${tolerance === recognition.tolerance_bound ? "" : ` Whoever is supposed to be them, within ${recognition.tolerance_bound.toFixed(3)}.`}
    </p>
    ${
      resembles === null
        ? null
        : html`<p class="hint">
            They resemble <a href=${hrefOf("people", resembles.person_id)}><bdi translate=${false}>${displayName(resembles.name)}</bdi></a>
            (${resembles.distance.toFixed(3)} apart).
          </p>`
    }`;
}

/** @param {string} at */
function dateWords(at) {
  return dayTime(Date.parse(at));
}

/** @param {PersonWhole} person */
function consentWords({ consent }) {
  if (consent === null) return "";
  return `They agreed on ${fullTime(Date.parse(consent.at))}${consent.by === "" ? "" : `, noted by ${isolated(displayName(consent.by))}`}.`;
}
