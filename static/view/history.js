// @ts-check
/** The history place: who was there on a day, in which room, as strips and as a list for spreadsheets. */

/** @import { Line } from "../model/strip.js" */
/** @import { Route } from "../model/route.js" */
/** @import { MatchEvent } from "../types/model.js" */
/** @import { PresencePage } from "../types/people.js" */

import { hrefOf } from "../model/route.js";
import { busyPart, dayOf, dayText, linesOf } from "../model/strip.js";
import { counted } from "../model/text.js";
import { attendancePath, fetchPresence } from "../net/presence.js";
import { Trouble, useAnswer } from "./answer.js";
import { DayChoice } from "./day-choice.js";
import { Happened, Views } from "./happened.js";
import { Icon } from "./icons.js";
import { html, memo, useState } from "./preact.js";
import { RoomChoice } from "./room-choice.js";
import { Statistics } from "./statistics.js";
import { Legend, Scale, Stays, Strip } from "./strip.js";
import { WhoChoice } from "./who-choice.js";

/** Intervals that are asked for; more on demand. */
const MOST = 2_000;
/** Lines at once. */
const LINES = 50;

/**
 * @typedef {object} HistoryProps
 * @property {Route} route
 * @property {boolean} shown
 * @property {string} room that is watched
 * @property {number} now ms, whole minutes
 * @property {(href: string) => void} stay
 * @property {(event: MatchEvent) => void} onEnlarge
 */

/** @param {HistoryProps} props */
function View({ route, shown, room: watched, now, stay }) {
  const { room = "", identity = "", person = "" } = route.params;
  const by = route.params["by"] === "person" || person !== "" ? "person" : "participant";
  const today = dayText(now);
  const day = dayOf(route.params["day"] ?? "") === null ? today : (route.params["day"] ?? today);
  const stretch = dayOf(day) ?? { from: now, to: now };
  const query = { ...stretch, room, identity, person, by: /** @type {"person" | "participant"} */ (by) };
  const [most, setMost] = useState(MOST);
  const { answer, trouble, busy, again } = useAnswer(
    () => fetchPresence(query, most),
    [day, room, identity, person, by, most, shown, day === today ? now : 0],
  );
  const show = (/** @type {Record<string, string>} */ change) => {
    const next = { day: day === today ? "" : day, room, identity, person, by: by === "person" ? "person" : "", ...change };
    stay(hrefOf("history", "", next));
  };
  const within = answer === null ? stretch : busyPart(stretch, answer);
  const lines = answer === null ? [] : linesOf(answer, within, now, query.by);
  const rooms = [...new Set([watched, room, ...(answer?.intervals ?? []).map((one) => one.room ?? "")])].filter(Boolean).sort();

  return html`<div class="place-head">
      <h2 class="place-title" tabindex="-1" data-place-title="history">History</h2>
      <p class="quiet" role="status" data-testid="history-count">${busy && answer === null ? "Loading…" : `${counted(lines.filter(({ stays }) => stays.length > 0).length, by === "person" ? "person" : "participant", by === "person" ? "people" : "participants")} seen`}</p>
      <a class="button place-action" href=${attendancePath(query)} download data-testid="csv"><${Icon} name="download" size=${18} />Attendance list (CSV)</a>
    </div>
    <div class="tools" role="group" aria-label="Filter">
      <${Views} params=${route.params} stay=${stay} />
      <${DayChoice} day=${day} today=${today} onDay=${(/** @type {string} */ to) => show({ day: to === today ? "" : to })} />
      <${RoomChoice} rooms=${rooms} room=${room} onRoom=${(/** @type {string} */ to) => show({ room: to })} />
      <div class="switch" role="group" aria-label="Whose presence">
        <button type="button" class="button" aria-pressed=${by === "participant" ? "true" : "false"} data-testid="by-participant" onClick=${() => show({ by: "", person: "" })}>Participants</button>
        <button type="button" class="button" aria-pressed=${by === "person" ? "true" : "false"} data-testid="by-person" onClick=${() => show({ by: "person" })}>People</button>
      </div>
      <${WhoChoice} identity=${identity} person=${person} identities=${seenIn(answer)} onWho=${show} />
    </div>
    <${Trouble} words=${trouble} onAgain=${again} />
    ${identity === "" || by === "person" ? null : html`<${Statistics} key=${identity} identity=${identity} shown=${shown} />`}
    ${
      answer !== null && lines.length === 0
        ? html`<p class="empty" data-testid="no-history">
            <${Icon} name="empty" size=${32} />
            <span>${(answer.looked ?? []).length === 0 ? "Nobody looked at any camera then." : by === "person" ? "Nobody was named then." : "Nobody was seen then."}</span>
          </p>`
        : null
    }
    ${
      lines.length === 0
        ? null
        : html`<section class="panel history-panel" aria-label="Presence" aria-busy=${busy ? "true" : "false"}>
            <div class="presence-foot"><${Legend} /></div>
            <${Lines} lines=${lines} within=${within} now=${now} by=${query.by} day=${day === today ? "" : day} onOnly=${show} />
            ${
              answer?.more
                ? html`<p class="more">
                    <span class="quiet">There is more of this day than is shown.</span>
                    ${most < 10_000 ? html`<button type="button" class="button small" onClick=${() => setMost(10_000)}>Show it</button>` : html`<span class="quiet">Choose a room, or fetch the list.</span>`}
                  </p>`
                : null
            }
          </section>`
    }`;
}

export const History = memo((/** @type {HistoryProps} */ props) =>
  (props.route.params["view"] ?? "") === "" ? html`<${View} ...${props} />` : html`<${Happened} ...${props} />`,
);

/** @param {PresencePage | null} answer */
function seenIn(answer) {
  return [...new Set((answer?.intervals ?? []).map((one) => one.participant_identity))].sort();
}

/**
 * @param {object} props
 * @param {readonly Line[]} props.lines
 * @param {{ from: number, to: number }} props.within
 * @param {number} props.now
 * @param {"participant" | "person"} props.by
 * @param {string} props.day
 * @param {(change: Record<string, string>) => void} props.onOnly
 */
function Lines({ lines, within, now, by, day, onOnly }) {
  const [pages, setPages] = useState(1);
  const shown = lines.slice(0, pages * LINES);
  const several = new Set(lines.map(({ room }) => room)).size > 1;
  return html`<div class="strips" data-testid="strips">
      <${Scale} within=${within} />
      ${shown.map(
        (line) => html`<div key=${line.key} class="strip-row" data-testid="strip-row" data-id=${line.id}>
          <span class="strip-who">
            ${
              by === "person" && line.id.startsWith("p_")
                ? html`<a class="strip-name clip" translate=${false} href=${hrefOf("people", line.id, { day })}>${line.name}</a>`
                : by === "person"
                  ? html`<span class="strip-name clip">${line.name}</span>`
                  : html`<button type="button" class="strip-name clip link" translate=${false} onClick=${() => onOnly({ identity: line.id })}>${line.name}</button>`
            }
            ${several ? html`<span class="strip-room clip quiet" translate=${false}>${line.room}</span>` : null}
          </span>
          <${Strip} line=${line} label=${line.name} from=${within.from} to=${within.to} now=${now} />
          ${
            line.stays.length === 0
              ? html`<span class="strip-none quiet">not seen</span>`
              : html`<details class="strip-details">
                  <summary>${counted(line.stays.length, "time")}<span class="visually-hidden"><span> of </span><bdi translate=${false}>${line.name}</bdi></span></summary>
                  <${Stays} line=${line} now=${now} />
                </details>`
          }
        </div>`,
      )}
    </div>
    ${
      shown.length < lines.length
        ? html`<p class="more"><button type="button" class="button small" onClick=${() => setPages(pages + 1)}>Show ${Math.min(LINES, lines.length - shown.length)} more</button></p>`
        : null
    }`;
}
