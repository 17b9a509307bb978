// @ts-check
/** Whose past is shown: of which participant, and of whom of those who are enrolled. Empty: of everybody. */

/** @import { From } from "../types/model.js" */
/** @import { Person } from "../types/people.js" */
/** @typedef {{ identity?: string, person?: string }} Who */

import { DEFAULT_PERSON, OF_THE_PHOTO } from "../model/persons.js";
import { displayName } from "../model/text.js";
import { fetchPerson, listPeople } from "../net/people.js";
import { told, useAnswer } from "./answer.js";
import { html, useEffect, useState } from "./preact.js";

const OFFERED = 8;
const TYPING_MS = 200;

/**
 * @param {object} props
 * @param {string} props.identity the chosen participant
 * @param {string} props.person the chosen person's id
 * @param {readonly string[]} props.identities that are offered
 * @param {(who: Who) => void} props.onWho
 */
export function WhoChoice({ identity, person, identities, onWho }) {
  return html`<${Field}
      label="Participant"
      testid="history-identity"
      value=${identity}
      offered=${identities}
      onDone=${(/** @type {string} */ text) => onWho({ identity: text })}
    />
    <${PersonField} person=${person} onPerson=${(/** @type {string} */ id) => onWho({ person: id })} />`;
}

/** @param {{ person: string, onPerson: (id: string) => void }} props */
function PersonField({ person, onPerson }) {
  const [typed, setTyped] = useState("");
  const [trouble, setTrouble] = useState("");
  const chosen = useAnswer(async () => nameOf(person), [person]);
  const { answer } = useAnswer(async () => (typed === "" ? [] : await called(typed)), [typed]);
  const find = (/** @type {string} */ text) =>
    idOf(text).then(
      (id) => (setTrouble(""), onPerson(id)),
      (error) => setTrouble(error instanceof Nobody ? error.message : told(error).message),
    );
  return html`<${Field}
      label="Person"
      testid="history-person"
      value=${person === "" ? "" : (chosen.answer ?? "")}
      offered=${[...(answer ?? []).map(({ name }) => name), OF_THE_PHOTO]}
      onTyped=${setTyped}
      onDone=${(/** @type {string} */ text) => void find(text)}
    />
    <span class="quiet" role="status" data-testid="history-nobody">${trouble}</span>`;
}

/**
 * @param {object} props
 * @param {string} props.label
 * @param {string} props.testid
 * @param {string} props.value
 * @param {readonly string[]} props.offered
 * @param {(text: string) => void} [props.onTyped] when the typing pauses
 * @param {(text: string) => void} props.onDone
 */
function Field({ label, testid, value, offered, onTyped, onDone }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (onTyped === undefined || text === value) return undefined;
    const timer = setTimeout(() => onTyped(text), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, value]);
  return html`<label class="tool">
    <span class="quiet">${label}</span>
    <input
      class="input"
      type="search"
      list=${`${testid}-offered`}
      placeholder="Everybody"
      maxlength="300"
      autocomplete="off"
      spellcheck="false"
      translate=${false}
      data-testid=${testid}
      value=${text}
      onInput=${(/** @type {From<HTMLInputElement>} */ { currentTarget }) => {
        setText(currentTarget.value);
        if (currentTarget.value === "") onDone(""); // the cross of the field, too
      }}
      onChange=${(/** @type {From<HTMLInputElement>} */ { currentTarget }) => currentTarget.value !== value && onDone(currentTarget.value)}
    />
    <datalist id=${`${testid}-offered`}>${[...new Set(offered)].map((one) => html`<option key=${one} value=${one}></option>`)}</datalist>
  </label>`;
}

class Nobody extends Error {}

/** @param {string} text @returns {Promise<Person[]>} */
async function called(text) {
  return [...(await listPeople({ search: text, attention: false, offset: 0, limit: OFFERED })).people];
}

/**
 * Who is meant by what was typed: the whole name, their id, or a part of the name that nobody else has.
 *
 * @param {string} text
 * @returns {Promise<string>} the id; "" for everybody
 */
async function idOf(text) {
  const typed = text.trim();
  if (typed === "") return "";
  if (typed === OF_THE_PHOTO || typed === DEFAULT_PERSON) return DEFAULT_PERSON;
  if (typed.startsWith("p_")) return typed;
  const found = await called(typed);
  const same = found.filter(({ name }) => name.toLowerCase() === typed.toLowerCase());
  const meant = same.length > 0 ? same : found;
  const [one] = meant;
  if (one === undefined) throw new Nobody(`Nobody is called ${displayName(typed)}.`);
  if (meant.length > 1) {
    const which = same.length > 0 ? "take the one you mean from their place, or their id" : "type the whole name";
    throw new Nobody(`Several people are called ${displayName(typed)}: ${which}.`);
  }
  return one.id;
}

/** @param {string} person */
async function nameOf(person) {
  if (person === "") return "";
  if (person === DEFAULT_PERSON) return OF_THE_PHOTO;
  try {
    return (await fetchPerson(person)).name;
  } catch {
    return person; // who is not there any more is still asked for
  }
}
