// @ts-check
/** What somebody has to look at, the newest first, until somebody has. */

/** @import { Alarm, Alarms } from "../model/alarms.js" */

import { alarmParts, alarmWords } from "../model/alarms.js";
import { clockTime, counted, fullTime } from "../model/text.js";
import { ANSWER_ICONS, Icon } from "./icons.js";
import { html, memo } from "./preact.js";

/**
 * @typedef {object} AlarmsProps
 * @property {Alarms} found
 * @property {boolean} several whether the room says anything
 * @property {ReadonlySet<string>} busy ids of those that are being answered
 * @property {string} trouble why the last answer was not taken
 * @property {boolean} mayAnswer
 * @property {number} day on which it is drawn: times of other days have their date
 * @property {(id: string) => void} onAcknowledge
 */

/** @param {AlarmsProps} props */
function View({ found, several, busy, trouble, mayAnswer, onAcknowledge }) {
  const { alarms, open, recent } = found;
  if (alarms.length === 0 && recent.length === 0 && trouble === "") return null;
  return html`
    <p class="verdict" data-tone="bad" role="alert" data-testid="alarm-trouble" hidden=${trouble === ""}>${trouble}</p>
    <ul class="alarm-list">
      ${alarms.map(
        (alarm) => html`<${Line}
          key=${alarm.id}
          alarm=${alarm}
          several=${several}
          busy=${busy.has(alarm.id)}
          mayAnswer=${mayAnswer}
          onAcknowledge=${onAcknowledge}
        />`,
      )}
    </ul>
    ${open > alarms.length ? html`<p class="hint">${counted(open - alarms.length, "more alarm")}, older than these</p>` : null}
    ${recent.length === 0 ? null : html`<${Recent} alarms=${recent} />`}
  `;
}

export const AlarmList = memo(View);

/**
 * @param {object} props
 * @param {Alarm} props.alarm
 * @param {boolean} props.several
 * @param {boolean} props.busy
 * @param {boolean} props.mayAnswer
 * @param {(id: string) => void} props.onAcknowledge
 */
function Line({ alarm, several, busy, mayAnswer, onAcknowledge }) {
  const words = alarmWords(alarm);
  return html`<li class="alarm" data-testid="alarm" data-kind=${alarm.kind} data-identity=${alarm.participant_identity}>
    <span class="alarm-icon"><${Icon} name=${ANSWER_ICONS.alarm} size=${20} /></span>
    <div class="alarm-words">
      <p class="alarm-what"><${Said} alarm=${alarm} /></p>
      <p class="alarm-when">
        <${Time} at=${alarm.since} />
        ${several && alarm.room !== null ? html`<span> in <bdi translate=${false}>${alarm.room}</bdi></span>` : null}
        ${alarm.sights > 1 ? html`<span>, seen ${alarm.sights} times</span>` : null}
      </p>
    </div>
    ${
      mayAnswer
        ? html`<div class="alarm-answers">
            <button
              type="button"
              class="button small"
              aria-label=${`Acknowledge: ${words}`}
              aria-disabled=${busy ? "true" : "false"}
              data-testid="acknowledge"
              onClick=${() => onAcknowledge(alarm.id)}
            >
              Acknowledge
            </button>
          </div>`
        : null
    }
  </li>`;
}

/** @param {{ alarm: Alarm }} props */
function Said({ alarm }) {
  return html`<span>
    ${alarmParts(alarm).map(({ words, name }, index) =>
      name ? html`<bdi key=${index} translate=${false}>${words}</bdi>` : html`<span key=${index}>${words}</span>`,
    )}
  </span>`;
}

/** @param {{ at: string }} props */
function Time({ at }) {
  const moment = Date.parse(at);
  return html`<time datetime=${at} title=${fullTime(moment)} translate=${false}>${clockTime(moment, Date.now())}</time>`;
}

/** @param {{ alarms: readonly Alarm[] }} props */
function Recent({ alarms }) {
  return html`<details class="alarm-recent" data-testid="alarms-recent">
    <summary>Acknowledged</summary>
    <ul class="alarm-list">
      ${alarms.map(
        (alarm) => html`<li key=${alarm.id} class="alarm-past">
          <p><${Said} alarm=${alarm} /></p>
          <p class="alarm-when">
            <${Time} at=${alarm.since} />
            <span>, by <bdi translate=${false}>${alarm.acknowledged_by ?? ""}</bdi></span>
            ${alarm.acknowledged_at === null ? null : html`<span> at <${Time} at=${alarm.acknowledged_at} /></span>`}
            ${alarm.verdict === null ? null : html`<span>, ${alarm.verdict}</span>`}
          </p>
        </li>`,
      )}
    </ul>
  </details>`;
}
