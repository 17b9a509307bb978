// @ts-check
/** Everybody who is enrolled, those who need attention first, page by page. */

/** @import { Rights } from "../model/rights.js" */
/** @import { PeoplePage, Person } from "../types/people.js" */

import { PAGE, partOf, remarksOn, whereabouts } from "../model/persons.js";
import { NEW, hrefOf } from "../model/route.js";
import { counted, displayName } from "../model/text.js";
import { listPeople } from "../net/people.js";
import { Trouble, useAnswer } from "./answer.js";
import { Icon } from "./icons.js";
import { PeopleSearch } from "./people-search.js";
import { Portrait } from "./portrait.js";
import { html, memo } from "./preact.js";
import { Sentence } from "./sentence.js";
import { UnknownFaces } from "./unknown-faces.js";

/**
 * @typedef {object} PeopleListProps
 * @property {string} search
 * @property {boolean} attention
 * @property {number} page from 1
 * @property {boolean} shown
 * @property {Rights} rights
 * @property {number} now
 * @property {(href: string) => void} stay
 */

/** @param {PeopleListProps} props */
export function PeopleList({ search, attention, page, shown, rights, now, stay }) {
  const { answer, trouble, busy, again } = useAnswer(
    () => listPeople({ search, attention, offset: (page - 1) * PAGE, limit: PAGE }),
    [search, attention, page, shown],
  );
  const show = (/** @type {Record<string, string | number | boolean>} */ change) =>
    stay(hrefOf("people", "", { search, attention, page: 0, ...change }));
  const empty = answer !== null && answer.total === 0;
  return html`<div class="place-head">
      <h2 class="place-title" tabindex="-1" data-place-title="people">People</h2>
      ${answer === null ? null : html`<p class="quiet" role="status" data-testid="people-count">${countWords(answer, search, attention)}</p>`}
      ${
        rights === "change"
          ? html`<a class="button primary place-action" href=${hrefOf("people", NEW)} data-testid="add-person">
              <${Icon} name="add" />Add a person
            </a>`
          : null
      }
    </div>
    <div class="tools" role="search" aria-label="People">
      <${PeopleSearch} search=${search} testid="people-search" onSearch=${(/** @type {string} */ text) => show({ search: text })} />
      <button
        type="button"
        class="button toggle-filter"
        aria-pressed=${attention ? "true" : "false"}
        data-testid="attention-only"
        onClick=${() => show({ attention: !attention })}
      >
        <${Icon} name="error" size=${18} />
        <span>Needs attention</span>${answer === null ? null : html`<span class="count" translate=${false}>${answer.attention}</span>`}
      </button>
    </div>
    <${Trouble} words=${trouble} onAgain=${again} />
    ${page === 1 && search === "" ? html`<${UnknownFaces} shown=${shown} rights=${rights} onAssigned=${again} />` : null}
    ${answer === null && trouble === "" ? html`<${Skeletons} />` : null}
    ${empty ? html`<${Nobody} search=${search} attention=${attention} rights=${rights} />` : null}
    ${
      answer === null || empty
        ? null
        : html`<ul class="persons" data-testid="persons" aria-busy=${busy ? "true" : "false"}>
            ${answer.people.map((person) => html`<${PersonCard} key=${person.id} person=${person} now=${now} />`)}
          </ul>
          <${Pages} page=${page} total=${answer.total} onPage=${(/** @type {number} */ to) => show({ page: to === 1 ? 0 : to })} />`
    }`;
}

/** @param {PeoplePage} answer @param {string} search @param {boolean} attention */
function countWords({ total }, search, attention) {
  if (search !== "" || attention) return `${total.toLocaleString()} found`;
  return `${total.toLocaleString()} ${total === 1 ? "person" : "people"}`;
}

/** @param {{ person: Person, now: number }} props */
function CardView({ person, now }) {
  const name = displayName(person.name);
  const [first, ...more] = remarksOn(person, now);
  return html`<li class="person-card" data-testid="person-card" data-person=${person.id}>
    <a class="person-link" href=${hrefOf("people", person.id)}>
      <${Portrait} url=${person.portrait} name=${person.name} side=${256} />
      <span class="person-words">
        <bdi class="person-name clip" translate=${false} title=${name}>${name}</bdi>
        ${
          first === undefined
            ? html`<span class="person-line quiet clip"><${Sentence} words=${`${counted(person.photos, "photo")}${person.rooms.length === 0 ? "" : `, ${whereabouts(person)}`}`} /></span>`
            : html`<span class="person-line needs">
                <${Icon} name="error" size=${14} /><span class="clip">${first.short}${more.length > 0 ? ` +${more.length}` : ""}</span>
              </span>`
        }
      </span>
    </a>
  </li>`;
}

const PersonCard = memo(CardView);

function Skeletons() {
  return html`<ul class="persons" aria-hidden="true">
    ${[0, 1, 2, 3, 4, 5].map((index) => html`<li class="person-card person-skeleton" key=${index}></li>`)}
  </ul>`;
}

/** @param {{ search: string, attention: boolean, rights: Rights }} props */
function Nobody({ search, attention, rights }) {
  if (search !== "") {
    return html`<p class="empty" data-testid="nobody">
      <${Icon} name="looking" size=${32} /><span>Nobody is called <bdi translate=${false}>${search}</bdi>.</span>
    </p>`;
  }
  if (attention) {
    return html`<p class="empty" data-testid="nobody">
      <${Icon} name="match" size=${32} /><span>Nobody needs attention.</span>
    </p>`;
  }
  return html`<div class="empty" data-testid="nobody">
    <${Icon} name="empty" size=${40} />
    <p><strong>Nobody is enrolled yet.</strong></p>
    <p class="quiet">
      Add everybody whose name you want to see when they are on camera, with three photos each. The one person of the
      reference photo is looked for without being added here.
    </p>
    ${
      rights === "change"
        ? html`<a class="button primary" href=${hrefOf("people", NEW)}><${Icon} name="add" />Add the first person</a>`
        : html`<p class="quiet">An admin can add people.</p>`
    }
  </div>`;
}

/** @param {{ page: number, total: number, onPage: (page: number) => void }} props */
function Pages({ page, total, onPage }) {
  const { from, to, pages } = partOf(page, total);
  if (pages === 1) return null;
  const turn = (/** @type {number} */ by) => () => page + by >= 1 && page + by <= pages && onPage(page + by);
  return html`<nav class="pages" aria-label="Pages">
    <button type="button" class="button" aria-disabled=${page <= 1 ? "true" : "false"} onClick=${turn(-1)}>
      <${Icon} name="previous" />Previous
    </button>
    <span class="quiet" translate=${false} data-testid="page-part">${from.toLocaleString()}–${to.toLocaleString()} / ${total.toLocaleString()}</span>
    <button
      type="button"
      class="button"
      aria-disabled=${page >= pages ? "true" : "false"}
      data-testid="next-page"
      onClick=${turn(1)}
    >
      Next<${Icon} name="next" />
    </button>
  </nav>`;
}
