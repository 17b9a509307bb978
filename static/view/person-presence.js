// @ts-check
/** When a person was there on a day, and in how many looks they were named in all. */

/** @import { PersonWhole } from "../types/people.js" */

import { hrefOf } from "../model/route.js";
import { busyPart, dayOf, dayText, linesOf } from "../model/strip.js";
import { duration } from "../model/text.js";
import { fetchPersonStatistics } from "../net/people.js";
import { attendancePath, fetchPresence } from "../net/presence.js";
import { Trouble, useAnswer } from "./answer.js";
import { DayChoice } from "./day-choice.js";
import { html } from "./preact.js";
import { Legend, Scale, Stays, Strip } from "./strip.js";

const MOST = 2_000;

/**
 * @param {object} props
 * @param {PersonWhole} props.person
 * @param {string} props.day "" today
 * @param {boolean} props.shown
 * @param {number} props.now ms, whole minutes
 * @param {(href: string) => void} props.stay
 */
export function PersonPresence({ person, day: wanted, shown, now, stay }) {
  const today = dayText(now);
  const day = dayOf(wanted) === null ? today : wanted;
  const stretch = dayOf(day) ?? { from: now, to: now };
  const query = { ...stretch, person: person.id, by: /** @type {const} */ ("person") };
  const merged = person.merged.length;
  const { answer, trouble, again } = useAnswer(() => fetchPresence(query, MOST), [person.id, merged, day, shown, day === today ? now : 0]);
  const all = useAnswer(() => fetchPersonStatistics(person.id), [person.id, merged, shown]).answer;
  const within = answer === null ? stretch : busyPart(stretch, answer);
  const lines = answer === null ? [] : linesOf(answer, within, now, "person");
  return html`<section class="panel presence" aria-labelledby="presence-title" data-testid="presence">
    <div class="presence-head">
      <h3 id="presence-title" class="panel-title">Presence</h3>
      <${DayChoice} day=${day} today=${today} onDay=${(/** @type {string} */ to) => stay(hrefOf("people", person.id, { day: to === today ? "" : to }))} />
    </div>
    ${
      all === null || all.looks === 0
        ? null
        : html`<p class="quiet" data-testid="looks">In all: seen in ${all.seen} of ${all.looks} looks, ${duration(all.seconds)}.</p>`
    }
    <${Trouble} words=${trouble} onAgain=${again} />
    ${
      answer !== null && lines.length === 0
        ? html`<p class="quiet" data-testid="not-seen">
            ${(answer.looked ?? []).length === 0 ? "Nobody looked on this day." : "Looked for on this day, and not seen."}
          </p>`
        : null
    }
    ${
      lines.length === 0
        ? null
        : html`<div class="strips">
              <${Scale} within=${within} />
              ${lines.map(
                (line) => html`<div key=${line.key} class="strip-row" data-testid="strip-row" data-id=${line.room}>
                  <a class="strip-name clip" translate=${false} href=${hrefOf("history", "", { day, room: line.room })}>${line.room === "" ? "a room" : line.room}</a>
                  <${Strip} line=${line} label=${line.room} from=${within.from} to=${within.to} now=${now} />
                  <details class="strip-details">
                    <summary>Times</summary>
                    <${Stays} line=${line} now=${now} />
                  </details>
                </div>`,
              )}
            </div>
            <div class="presence-foot">
              <${Legend} />
              <a class="button small" href=${attendancePath(query)} download>CSV</a>
            </div>`
    }
  </section>`;
}
