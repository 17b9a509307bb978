// @ts-check
/** Faces that were recognised as nobody's: somebody says whose they are, or that it does not matter. */

/** @import { Rights } from "../model/rights.js" */
/** @import { From } from "../types/model.js" */
/** @import { UnknownFace } from "../types/people.js" */

import { hrefOf } from "../model/route.js";
import { displayName, fullTime } from "../model/text.js";
import { assignUnknown, dismissUnknown, listUnknowns } from "../net/unknowns.js";
import { Trouble, told, useAnswer } from "./answer.js";
import { ChoosePerson } from "./choose-person.js";
import { html, useState } from "./preact.js";

/** Refusals that a person can judge better. */
const JUDGED = new Set(["UNLIKE_THE_OTHERS", "OTHER_PERSON", "ERASED_BEFORE"]);

/** @typedef {{ person_id: string } | { name: string }} Whose */

/**
 * @param {{ shown: boolean, rights: Rights, onAssigned: () => void }} props onAssigned: somebody has a photo more
 */
export function UnknownFaces({ shown, rights, onAssigned }) {
  const { answer, again } = useAnswer(listUnknowns, [shown]);
  const [added, setAdded] = useState({ id: "", name: "" });
  const faces = answer?.unknowns ?? [];
  if (faces.length === 0 && added.id === "") return null;
  return html`<section class="unknowns" aria-labelledby="unknowns-title" data-testid="unknowns">
    <h3 id="unknowns-title" class="panel-title">Unknown faces</h3>
    <p class="quiet">Seen before a camera within the last day, and nobody's here.</p>
    <p class="quiet" role="status" data-testid="unknown-assigned">${
      added.id === ""
        ? ""
        : html`It is a photo of <a href=${hrefOf("people", added.id)}><bdi translate=${false}>${displayName(added.name, "them")}</bdi></a> now.`
    }</p>
    <ul class="unknown-faces">
      ${faces.map(
        (face) => html`<${Face}
          key=${face.id}
          face=${face}
          alike=${faces.filter(({ group }) => group === face.group).length - 1}
          may=${rights === "change"}
          onDone=${(/** @type {string} */ id, /** @type {string} */ name) => {
            if (id !== "") {
              setAdded({ id, name });
              onAssigned();
            }
            again();
          }}
        />`,
      )}
    </ul>
  </section>`;
}

/**
 * @param {object} props
 * @param {UnknownFace} props.face
 * @param {number} props.alike other faces that are alike
 * @param {boolean} props.may
 * @param {(id: string, name: string) => void} props.onDone whose photo it is now; "": nobody's
 */
function Face({ face, alike, may, onDone }) {
  const [asking, setAsking] = useState(false);
  const [name, setName] = useState("");
  const [said, setSaid] = useState({ trouble: "", code: "" });
  const [last, setLast] = useState(/** @type {Whose | null} */ (null));
  const [busy, setBusy] = useState(false);
  const who = displayName(face.participant_name, face.participant_identity);

  const assign = async (/** @type {Whose} */ whose, /** @type {readonly string[]} */ anyway = []) => {
    if (busy) return;
    setBusy(true);
    setLast(whose);
    try {
      const result = await assignUnknown(face.id, whose, anyway);
      if (result.assigned_to !== null) return onDone(result.assigned_to, "name" in whose ? whose.name : "");
      setSaid({ trouble: result.detail ?? "It was not taken.", code: result.code ?? "" });
    } catch (error) {
      setSaid({ trouble: told(error).message, code: "" });
    }
    setBusy(false);
  };
  const dismiss = async () => {
    try {
      await dismissUnknown(face.id);
      onDone("", "");
    } catch (error) {
      setSaid({ trouble: told(error).message, code: "" });
    }
  };

  return html`<li class="unknown-face" data-testid="unknown-face" data-identity=${face.participant_identity}>
    <img class="unknown-picture" src=${face.url} alt=${`An unknown face, seen at ${who}`} width="128" height="128" loading="lazy" />
    <div class="unknown-words">
      <bdi class="person-name clip" translate=${false}>${who}</bdi>
      <span class="quiet">
        <span translate=${false}>${face.room}</span>, ${fullTime(Date.parse(face.at))}${alike > 0 ? `, like ${alike} more` : ""}
      </span>
      ${
        may && !asking
          ? html`<span class="unknown-actions">
              <button type="button" class="button small" data-testid="unknown-assign" onClick=${() => setAsking(true)}>Who is it?</button>
              <button type="button" class="button small" data-testid="unknown-dismiss" onClick=${() => void dismiss()}>Dismiss</button>
            </span>`
          : null
      }
      ${
        asking
          ? html`<form
                class="unknown-new"
                onSubmit=${(/** @type {Event} */ event) => {
                  event.preventDefault();
                  void assign({ name });
                }}
              >
                <label class="field">
                  <span class="field-name">Somebody new</span>
                  <input
                    class="input"
                    required
                    maxlength="200"
                    autocomplete="off"
                    placeholder="Name"
                    data-testid="unknown-name"
                    value=${name}
                    onInput=${(/** @type {From<HTMLInputElement>} */ event) => setName(event.currentTarget.value)}
                  />
                </label>
                <button type="submit" class="button small primary" aria-disabled=${busy ? "true" : "false"}>Add</button>
                <button type="button" class="button small" onClick=${() => setAsking(false)}>Cancel</button>
              </form>
              <p class="field-name">Or somebody who is here</p>
              <${ChoosePerson} without="" onChoose=${(/** @type {string} */ id) => void assign({ person_id: id })} />`
          : null
      }
      <${Trouble} words=${said.trouble} />
      ${
        JUDGED.has(said.code) && last !== null
          ? html`<button type="button" class="button small" data-testid="unknown-anyway" onClick=${() => void assign(last, [said.code])}>
              Add it anyway
            </button>`
          : null
      }
    </div>
  </li>`;
}
