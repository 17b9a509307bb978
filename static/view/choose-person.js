// @ts-check
/** Somebody who is enrolled, looked up by name. */

/** @import { Person } from "../types/people.js" */

import { counted, displayName } from "../model/text.js";
import { listPeople } from "../net/people.js";
import { Trouble, useAnswer } from "./answer.js";
import { PeopleSearch } from "./people-search.js";
import { Portrait } from "./portrait.js";
import { html, useState } from "./preact.js";

const OFFERED = 6;

/**
 * @param {{ without: string, onChoose: (id: string) => void }} props without: an id that is not offered
 */
export function ChoosePerson({ without, onChoose }) {
  const [search, setSearch] = useState("");
  const { answer, trouble, again } = useAnswer(
    () => listPeople({ search, attention: false, offset: 0, limit: OFFERED + 1 }),
    [search],
  );
  const others = (answer?.people ?? []).filter(({ id }) => id !== without).slice(0, OFFERED);
  return html`<${PeopleSearch} search=${search} testid="merge-search" onSearch=${setSearch} />
    <${Trouble} words=${trouble} onAgain=${again} />
    <ul class="choices" data-testid="merge-choices">
      ${others.map((one) => html`<${Choice} key=${one.id} person=${one} onChoose=${() => onChoose(one.id)} />`)}
    </ul>
    ${answer !== null && others.length === 0 ? html`<p class="quiet">${search === "" ? "Nobody else is enrolled yet." : "Nobody else is called that."}</p>` : null}`;
}

/** @param {{ person: Person, onChoose: () => void }} props */
function Choice({ person, onChoose }) {
  return html`<li>
    <button type="button" class="choice" data-testid="merge-choice" data-person=${person.id} onClick=${onChoose}>
      <${Portrait} url=${person.portrait} name=${person.name} side=${96} />
      <span class="choice-words">
        <bdi class="clip" translate=${false}>${displayName(person.name)}</bdi>
        <span class="quiet">${counted(person.photos, "photo")}</span>
      </span>
    </button>
  </li>`;
}
