// @ts-check
/** What somebody has to look at, the newest first, until somebody has. */

/** @import { Alarm, Alarms, Compared } from "../model/alarms.js" */
/** @import { ReferenceStatus } from "../types/model.js" */

import { alarmSentence, alarmWords, comparedWith } from "../model/alarms.js";
import { clockTime, counted, fullTime } from "../model/text.js";
import { FaceShot } from "./face-shot.js";
import { ANSWER_ICONS, Icon } from "./icons.js";
import { html, memo, useState } from "./preact.js";
import { Sentence } from "./sentence.js";

/**
 * @typedef {object} AlarmsProps
 * @property {Alarms} found
 * @property {boolean} several whether the room says anything
 * @property {ReadonlySet<string>} busy ids of those that are being answered
 * @property {string} trouble why the last answer was not taken
 * @property {ReferenceStatus | null} reference
 * @property {boolean} mayAnswer
 * @property {boolean} mayJudge
 * @property {number} day on which it is drawn: times of other days have their date
 * @property {(id: string) => void} onAcknowledge
 * @property {(id: string, verdict: "right" | "wrong") => void} onJudge
 */

/** @param {AlarmsProps} props */
function View({ found, several, busy, trouble, reference, mayAnswer, mayJudge, day, onAcknowledge, onJudge }) {
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
          day=${day}
          busy=${busy.has(alarm.id)}
          mayAnswer=${mayAnswer}
          reference=${reference}
          mayJudge=${mayJudge}
          onAcknowledge=${onAcknowledge}
          onJudge=${onJudge}
        />`,
      )}
    </ul>
    ${open > alarms.length ? html`<p class="hint">${counted(open - alarms.length, "more alarm")}, older than these</p>` : null}
    ${recent.length === 0 ? null : html`<${Recent} alarms=${recent} />`}
  `;
}

/** @type {readonly { verdict: "right" | "wrong", label: string }[]} */
const VERDICTS = [
  { verdict: "right", label: "Right" },
  { verdict: "wrong", label: "Wrong" },
];

export const AlarmList = memo(View);

/**
 * @param {object} props
 * @param {Alarm} props.alarm
 * @param {boolean} props.several
 * @param {number} props.day another one: its times have their date
 * @param {boolean} props.busy
 * @param {ReferenceStatus | null} props.reference
 * @param {boolean} props.mayAnswer
 * @param {boolean} props.mayJudge
 * @param {(id: string) => void} props.onAcknowledge
 * @param {(id: string, verdict: "right" | "wrong") => void} props.onJudge
 */
function LineView({ alarm, several, busy, reference, mayAnswer, mayJudge, onAcknowledge, onJudge }) {
  const words = alarmWords(alarm);
  return html`<li class="alarm" data-testid="alarm" data-kind=${alarm.kind} data-identity=${alarm.participant_identity}>
    <span class="alarm-icon"><${Icon} name=${ANSWER_ICONS.alarm} size=${20} /></span>
    <div class="alarm-words">
      <p class="alarm-what"><${Sentence} words=${alarmSentence(alarm)} /></p>
      <p class="alarm-when">
        <${Time} at=${alarm.since} />
        ${several && alarm.room !== null ? html`<span> in <bdi translate=${false}>${alarm.room}</bdi></span>` : null}
        ${alarm.sights > 1 ? html`<span>, seen ${alarm.sights} times</span>` : null}
      </p>
    </div>
    <${Faces} alarm=${alarm} reference=${reference} />
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
            ${
              mayJudge
                ? VERDICTS.map(
                    ({ verdict, label }) => html`<button
                      key=${verdict}
                      type="button"
                      class="button small"
                      aria-label=${`${label}: ${words}`}
                      aria-disabled=${busy ? "true" : "false"}
                      data-testid=${verdict}
                      onClick=${() => onJudge(alarm.id, verdict)}
                    >
                      ${label}
                    </button>`,
                  )
                : null
            }
          </div>`
        : null
    }
  </li>`;
}

const Line = memo(LineView);

/**
 * The snapshot beside the photos of whom it may show.
 *
 * @param {{ alarm: Alarm, reference: ReferenceStatus | null }} props
 */
function Faces({ alarm, reference }) {
  const [missing, setMissing] = useState("");
  const picture = alarm.picture?.snapshot == null || alarm.picture.snapshot === missing ? null : alarm.picture;
  const compared = comparedWith(alarm, reference);
  if (picture === null && compared.length === 0) return null;
  return html`<div class="alarm-faces" data-testid="alarm-faces">
    ${
      picture === null
        ? null
        : html`<figure class="alarm-face">
            <span class="alarm-picture"><${FaceShot} event=${picture} onMissing=${() => setMissing(picture.snapshot ?? "")} /></span>
            <figcaption><span class="alarm-role">Snapshot:</span>${" "}<${Time} at=${picture.timestamp} /></figcaption>
          </figure>`
    }
    ${compared.map((one) => html`<${Photo} key=${`${one.role} ${one.url}`} ...${one} />`)}
  </div>`;
}

/** @param {Compared} props */
function Photo({ url, role, name, at }) {
  const [missing, setMissing] = useState(false);
  if (missing) return null;
  return html`<figure class="alarm-face" data-testid="alarm-portrait">
    <img class="alarm-picture" src=${url} alt="" width="72" height="72" onError=${() => setMissing(true)} />
    <figcaption>
      <span class="alarm-role">${role}:</span>${" "}
      ${name === "" ? html`<span>photo of </span><${Time} at=${at} />` : html`<bdi class="alarm-name" translate=${false} title=${name}>${name}</bdi>`}
    </figcaption>
  </figure>`;
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
          <p><${Sentence} words=${alarmSentence(alarm)} /></p>
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
