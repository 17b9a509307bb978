// @ts-check
/** A participant's figures: how often they were looked at and seen, in all and by day. */

import { hrefOf } from "../model/route.js";
import { duration } from "../model/text.js";
import { fetchStatistics } from "../net/presence.js";
import { Trouble, useAnswer } from "./answer.js";
import { html } from "./preact.js";

/** Days that are listed, the newest first. */
const DAYS = 14;

/** @param {{ identity: string, shown: boolean }} props */
export function Statistics({ identity, shown }) {
  const { answer, trouble, again } = useAnswer(() => fetchStatistics(identity), [identity, shown]);
  if (answer === null) return html`<${Trouble} words=${trouble} onAgain=${again} />`;
  const days = [...answer.days].reverse().slice(0, DAYS);
  return html`<section class="panel statistics" aria-labelledby="statistics-title" data-testid="statistics">
    <h3 id="statistics-title" class="panel-title">Figures of all days</h3>
    <dl class="figures">
      <div><dt>Seen</dt><dd translate=${false}>${answer.seen} / ${answer.looks} looks</dd></div>
      <div><dt>Nobody there</dt><dd translate=${false}>${answer.not_seen} looks</dd></div>
      <div><dt>Could not be looked at</dt><dd translate=${false}>${answer.unknowable} looks</dd></div>
      <div><dt>Time seen</dt><dd translate=${false}>${duration(answer.seconds)}</dd></div>
    </dl>
    ${
      days.length === 0
        ? null
        : html`<details>
            <summary>By day</summary>
            <div class="table-frame">
              <table class="table">
                <thead>
                  <tr><th scope="col">Day (UTC)</th><th scope="col">Room</th><th scope="col">Seen</th><th scope="col">Looks</th><th scope="col">Time</th></tr>
                </thead>
                <tbody>
                  ${days.map(
                    ({ day, room, seen, looks, seconds }) => html`<tr key=${`${day} ${room}`}>
                      <td><a href=${hrefOf("history", "", { day, room: room ?? "", identity })} translate=${false}>${day}</a></td>
                      <td translate=${false}>${room ?? "–"}</td>
                      <td translate=${false}>${seen}</td>
                      <td translate=${false}>${looks}</td>
                      <td translate=${false}>${duration(seconds)}</td>
                    </tr>`,
                  )}
                </tbody>
              </table>
            </div>
          </details>`
    }
  </section>`;
}
