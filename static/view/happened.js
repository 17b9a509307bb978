// @ts-check
/** What happened in the past, page by page: sightings, or single matches, as far back as the log reaches. */

/** @import { CardState, From, MatchEvent } from "../types/model.js" */
/** @import { HappenedQuery } from "../net/happened.js" */
/** @import { Route } from "../model/route.js" */
/** @import { SightingLine } from "../types/people.js" */

import { DEFAULT_PERSON, OF_THE_PHOTO } from "../model/persons.js";
import { hrefOf } from "../model/route.js";
import { isOfNobody, lineReading } from "../model/sightings.js";
import { WORDS } from "../model/states.js";
import { dayOf } from "../model/strip.js";
import { clockTime, counted, displayName, figure, fullTime } from "../model/text.js";
import { identityOf, whoOf } from "../model/wire.js";
import { fetchMatches, fetchSightings, matchesTablePath, sightingsTablePath } from "../net/happened.js";
import { Trouble, told } from "./answer.js";
import { FaceShot } from "./face-shot.js";
import { Icon, stateIcon } from "./icons.js";
import { html, memo, useEffect, useRef, useState } from "./preact.js";
import { RoomChoice } from "./room-choice.js";
import { Sentence } from "./sentence.js";
import { WhoChoice } from "./who-choice.js";

/** @typedef {Record<string, string>} Change */
/** @typedef {{ match: MatchEvent | null, line: SightingLine | null, cursor: number }} Row */

/** The ways to look at the past, by their name in the address. */
/** @type {readonly { view: string, label: string }[]} */
const VIEWS = [
  { view: "", label: "Presence" },
  { view: "sightings", label: "Sightings" },
  { view: "matches", label: "Matches" },
];

/**
 * @param {{ params: Route["params"], stay: (href: string) => void }} props
 */
export function Views({ params, stay }) {
  const chosen = params["view"] ?? "";
  return html`<div class="switch" role="group" aria-label="What of it">
    ${VIEWS.map(
      ({ view, label }) => html`<button type="button" class="button" key=${view} data-testid=${`view-${view || "presence"}`} aria-pressed=${chosen === view ? "true" : "false"} onClick=${() => stay(hrefOf("history", "", { ...params, view }))}>${label}</button>`,
    )}
  </div>`;
}

/**
 * @param {object} props
 * @param {Route} props.route
 * @param {boolean} props.shown
 * @param {string} props.room that is watched
 * @param {number} props.now ms, whole minutes
 * @param {(href: string) => void} props.stay
 * @param {(event: MatchEvent) => void} props.onEnlarge
 */
function View({ route, shown, room: watched, now, stay, onEnlarge }) {
  const { view = "", room = "", identity = "", person = "", from = "", to = "" } = route.params;
  /** @type {HappenedQuery} */
  const query = { from: dayOf(from)?.from ?? null, to: dayOf(to)?.to ?? null, room, identity, person };
  const [turn, setTurn] = useState(0);
  const key = [view, room, identity, person, from, to, turn].join("\n");
  const { rows, older, busy, trouble, more } = usePages(view, query, key, shown);
  const show = (/** @type {Change} */ change) => stay(hrefOf("history", "", { ...route.params, day: "", ...change }));
  const rooms = [...new Set([watched, room, ...rows.map(roomOf)])].filter(Boolean).sort();
  const identities = [...new Set(rows.map(participantOf))].filter(Boolean).sort();
  return html`<div class="place-head">
      <h2 class="place-title" tabindex="-1" data-place-title="history">History</h2>
      <p class="quiet" role="status" data-testid="happened-count">${busy && rows.length === 0 ? "Loading…" : `${counted(rows.length, "line")} shown`}</p>
      <a class="button place-action" href=${view === "matches" ? matchesTablePath(query) : sightingsTablePath(query)} download data-testid="csv"><${Icon} name="download" size=${18} />${view === "matches" ? "These matches (CSV)" : "These sightings (CSV)"}</a>
    </div>
    <div class="tools" role="group" aria-label="Filter">
      <${Views} params=${route.params} stay=${stay} />
      <${Day} label="From" value=${from} onDay=${(/** @type {string} */ day) => show({ from: day })} />
      <${Day} label="To" value=${to} onDay=${(/** @type {string} */ day) => show({ to: day })} />
      <${RoomChoice} rooms=${rooms} room=${room} onRoom=${(/** @type {string} */ to) => show({ room: to })} />
      <${WhoChoice} identity=${identity} person=${person} identities=${identities} onWho=${show} />
      <button type="button" class="button" data-testid="again" onClick=${() => setTurn(turn + 1)}>Ask again</button>
    </div>
    <${Trouble} words=${trouble} onAgain=${() => setTurn(turn + 1)} />
    ${
      rows.length === 0
        ? html`<p class="empty"><${Icon} name="empty" size=${32} /><span>${busy ? "Loading…" : "Nothing fits this filter."}</span></p>`
        : html`<section class="panel" aria-label=${view === "matches" ? "Matches" : "Sightings"} aria-busy=${busy ? "true" : "false"}>
            <ol class="entries" data-testid="happened">
              ${rows.map(({ match, line, cursor }) => html`<${Entry} key=${cursor} match=${match} line=${line} now=${now} show=${show} onEnlarge=${onEnlarge} />`)}
            </ol>
            ${older === null ? null : html`<p class="more"><button type="button" class="button small" data-testid="older" aria-disabled=${busy ? "true" : "false"} onClick=${() => !busy && more()}>Show older</button></p>`}
          </section>`
    }`;
}

export const Happened = memo(View);

/**
 * @param {string} view
 * @param {HappenedQuery} query
 * @param {string} key of both
 * @param {boolean} shown
 */
function usePages(view, query, key, shown) {
  const [state, setState] = useState({ rows: /** @type {Row[]} */ ([]), older: /** @type {number | null} */ (null), busy: true, trouble: "" });
  const asked = useRef(0); // how often; who asked before is answered too late
  const ask = (/** @type {number | null} */ before, /** @type {readonly Row[]} */ kept) => {
    asked.current += 1;
    const turn = asked.current;
    const current = () => turn === asked.current;
    setState((was) => ({ ...was, rows: before === null ? [] : was.rows, busy: true, trouble: "" }));
    pageOf(view, query, before).then(
      ({ rows, older }) => current() && setState({ rows: [...kept, ...rows], older, busy: false, trouble: "" }),
      (error) => current() && setState((was) => ({ ...was, busy: false, trouble: told(error).message })),
    );
  };
  useEffect(() => {
    if (shown) ask(null, []);
    return () => {
      asked.current += 1;
    };
  }, [key, shown]);
  return { ...state, more: () => ask(state.older, state.rows) };
}

/**
 * @param {string} view
 * @param {HappenedQuery} query
 * @param {number | null} before
 * @returns {Promise<{ rows: Row[], older: number | null }>}
 */
async function pageOf(view, query, before) {
  if (view === "matches") {
    const { matches, older } = await fetchMatches(query, before);
    return { rows: matches.map((match) => ({ match, line: null, cursor: match.cursor })), older };
  }
  const { lines, older } = await fetchSightings(query, before);
  return { rows: lines.map((line) => ({ match: line.match, line, cursor: line.cursor })), older };
}

/** @param {Row} row */
function roomOf({ match, line }) {
  return line?.room ?? match?.room ?? "";
}

/** @param {Pick<Row, "match" | "line">} row */
function participantOf({ match, line }) {
  return line?.participant_identity ?? (match === null ? "" : identityOf(match));
}

/** @param {{ label: string, value: string, onDay: (day: string) => void }} props */
function Day({ label, value, onDay }) {
  return html`<label class="tool"><span class="quiet">${label}</span>
    <input class="input day-input" type="date" data-testid=${`happened-${label.toLowerCase()}`} value=${value} onChange=${(/** @type {From<HTMLInputElement>} */ event) => onDay(event.currentTarget.value)} />
  </label>`;
}

/**
 * @param {SightingLine | null} line
 * @param {CardState} state
 */
function iconOf(line, state) {
  if (line?.kind === "said") return "info";
  return line?.kind === "joined" ? "add" : stateIcon(state, line?.kind === "left" ? "left" : "");
}

/**
 * @param {object} props
 * @param {MatchEvent | null} props.match
 * @param {SightingLine | null} props.line
 * @param {number} props.now
 * @param {string} [props.testId]
 * @param {boolean} [props.withRoom] it is told, since lines of others are beside it
 * @param {(change: Change) => void} props.show
 * @param {(event: MatchEvent) => void} props.onEnlarge
 */
function EntryView({ match, line, now, testId = "happened-row", withRoom = false, show, onEnlarge }) {
  const { state, words, who, detail } = line === null ? matchReading(match) : lineReading(line);
  const identity = participantOf({ match, line });
  const watcher = line !== null && isOfNobody(line) ? displayName(line.event?.by ?? "") : "";
  const name = watcher || displayName(line?.participant_name ?? match?.participant_name ?? "", identity);
  const at = Date.parse(line?.began ?? match?.timestamp ?? "");
  const until = line === null ? at : Date.parse(line.until);
  const person = line === null ? (match?.person_id ?? DEFAULT_PERSON) : (line.people[0]?.person_id ?? line.event?.person_id ?? "");
  return html`<li class="entry" data-testid=${testId} data-type=${state === "match" ? "match" : (line?.kind ?? "match")} data-state=${state} data-identity=${identity}>
    <span class="entry-time happened-time" translate=${false} title=${fullTime(at)}><span class="whole">${clockTime(at, now)}</span>${until - at < 1000 ? null : html` – <span class="whole">${clockTime(until, now)}</span>`}</span>
    <span class="entry-icon"><${Icon} name=${iconOf(line, state)} size=${18} /></span>
    <span class="entry-words">
      ${
        watcher === ""
          ? html`<button type="button" class="entry-name clip link" translate=${false} title=${`Only ${name}`} onClick=${() => show({ identity })}>${name}</button>`
          : html`<bdi class="entry-name clip" translate=${false} title=${name}>${name}</bdi>`
      }
      <span class="entry-what">
        <span>${words}</span>
        ${who === "" ? null : html` <button type="button" class="link" translate=${false} title=${`Only ${who}`} onClick=${() => show({ person })}>${who}</button>`}
        ${detail === "" ? null : html` <span class="entry-detail"><${Sentence} words=${detail} /></span>`}
        ${withRoom && line !== null && line.room !== null ? html` <span class="quiet"><span>in </span><bdi translate=${false}>${line.room}</bdi></span>` : null}
      </span>
    </span>
    ${
      match === null || match.snapshot === null
        ? null
        : html`<button type="button" class="entry-shot" aria-label=${`Enlarge the snapshot of ${name}`} onClick=${() => onEnlarge(match)}><${FaceShot} event=${match} /></button>`
    }
  </li>`;
}

export const Entry = memo(EntryView);

/** @param {MatchEvent | null} match @returns {ReturnType<typeof lineReading>} */
function matchReading(match) {
  const who = match === null ? "" : displayName(whoOf(match), OF_THE_PHOTO);
  return { state: "match", words: WORDS.match, who, detail: match === null ? "" : figure(match.confidence) };
}
