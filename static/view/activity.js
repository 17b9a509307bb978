// @ts-check
/** Every look at a camera, newest first. */

/** @import { ActivityEntry, From, MatchEvent } from "../types/model.js" */
/** @typedef {import("../model/activity.js").Filter} Filter */
/** @typedef {import("../model/activity.js").Kind} Kind */

import { KINDS, NO_FILTER, filtered, namesIn, reading } from "../model/activity.js";
import { MOST_ACTIVITY } from "../model/store.js";
import { clockTime, displayName, fullTime } from "../model/text.js";
import { identityOf } from "../model/wire.js";
import { FaceShot } from "./face-shot.js";
import { Icon, stateIcon } from "./icons.js";
import { html, memo, useEffect, useMemo, useState } from "./preact.js";

/** How many entries are drawn at a time. */
const PAGE = 60;

/**
 * @typedef {object} ActivityProps
 * @property {readonly ActivityEntry[]} entries
 * @property {Filter} filter
 * @property {number} day a number that changes at midnight, so that yesterday's entries say so
 * @property {string} notice why nothing new comes, "" while it does
 * @property {boolean} loading
 * @property {(filter: Filter) => void} onFilter
 * @property {(event: MatchEvent) => void} onEnlarge
 */

/** @param {ActivityProps} props */
function View({ entries, filter, day, notice, loading, onFilter, onEnlarge }) {
  const fitting = useMemo(() => filtered(entries, filter), [entries, filter]);
  const [pages, setPages] = useState(1);
  useEffect(() => setPages(1), [filter]);
  const shown = fitting.slice(0, pages * PAGE);
  const more = fitting.length > shown.length;
  const names = useMemo(() => namesIn(entries), [entries]);
  return html`<${Filters} filter=${filter} names=${names} onFilter=${onFilter} />
    <${Notice} words=${notice} />
    ${
      shown.length === 0
        ? html`<p class="activity-empty quiet">${emptyWords(loading, entries.length > 0)}</p>`
        : html`<ol class="entries" data-testid="activity-list">
          ${shown.map(
            (entry) => html`<${Entry}
            key=${entry.key}
            entry=${entry}
            day=${day}
            onEnlarge=${onEnlarge}
          />`,
          )}
          ${
            more
              ? html`<li key="more" class="activity-more">
                <button type="button" class="button small" onClick=${() => setPages(pages + 1)}>Show older</button>
              </li>`
              : null
          }
        </ol>`
    }
    ${
      !more && entries.length >= MOST_ACTIVITY
        ? html`<p class="activity-end quiet">The last ${MOST_ACTIVITY} are shown.</p>`
        : null
    }`;
}

export const Activity = memo(View);

/** @param {{ words: string }} props why something may be missing */
export function Notice({ words }) {
  return html`<p class="activity-notice" data-testid="activity-notice" hidden=${words === ""}>
    <${Icon} name="offline" size=${18} /><span>${words}</span>
  </p>`;
}

/** @param {boolean} loading @param {boolean} hidden */
function emptyWords(loading, hidden) {
  if (loading) return "Loading…";
  return hidden ? "Nothing fits this filter." : "Nothing yet. Every look at a camera is listed here.";
}

/**
 * @param {{ filter: Filter, names: { identity: string, name: string }[], onFilter: (filter: Filter) => void }} props
 */
function Filters({ filter, names, onFilter }) {
  const gone = filter.identity !== "" && !names.some(({ identity }) => identity === filter.identity);
  return html`<div class="filters" role="group" aria-label="Filter">
    <select
      class="input small"
      aria-label="Which events"
      data-testid="filter-kind"
      value=${filter.kind}
      onChange=${(/** @type {From<HTMLSelectElement>} */ event) =>
        onFilter({ ...filter, kind: /** @type {Kind} */ (event.currentTarget.value) })}
    >
      ${KINDS.map(({ kind, label }) => html`<option key=${kind} value=${kind}>${label}</option>`)}
    </select>
    <select
      class="input small"
      aria-label="Who"
      data-testid="filter-participant"
      value=${filter.identity}
      onChange=${(/** @type {From<HTMLSelectElement>} */ event) =>
        onFilter({ ...filter, identity: event.currentTarget.value })}
    >
      <option value=${NO_FILTER.identity}>Everybody</option>
      ${gone ? html`<option translate=${false} value=${filter.identity}>${displayName(filter.identity)}</option>` : null}
      ${names.map(
        ({ identity, name }) =>
          html`<option key=${identity} translate=${false} value=${identity}>${displayName(name, identity)}</option>`,
      )}
    </select>
  </div>`;
}

/** @param {{ entry: ActivityEntry, day: number, onEnlarge: (event: MatchEvent) => void }} props */
function EntryView({ entry, onEnlarge }) {
  const { event, at } = entry;
  const { state, words, detail } = reading(entry);
  const name = displayName(event.participant_name, identityOf(event));
  const snapshot = event.type === "match" ? event.snapshot : null;
  return html`<li
    class="entry"
    data-testid="activity-row"
    data-type=${event.type}
    data-state=${state}
    data-identity=${identityOf(event)}
  >
    <time class="entry-time" translate=${false} datetime=${event.timestamp} title=${fullTime(at)}>
      ${clockTime(at, Date.now())}
    </time>
    <span class="entry-icon"><${Icon} name=${stateIcon(state, "")} size=${18} /></span>
    <span class="entry-words">
      <bdi class="entry-name clip" translate=${false} title=${name}>${name}</bdi>
      <span class="entry-what">
        <span>${words}</span>${detail === "" ? null : html` <span class="entry-detail" translate=${false}>${detail}</span>`}
      </span>
    </span>
    ${
      snapshot === null
        ? null
        : html`<button
          type="button"
          class="entry-shot"
          aria-label=${`Enlarge the snapshot of ${name}`}
          onClick=${() => event.type === "match" && onEnlarge(event)}
        >
          <${FaceShot} event=${event} />
        </button>`
    }
  </li>`;
}

const Entry = memo(EntryView);
