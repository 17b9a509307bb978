// @ts-check
/** A line of presence: seen, perhaps there, nobody looked; in a scale of hours. */

/** @import { Line, Span, Stretch } from "../model/strip.js" */

import { ENDED, lineWords, spanOf, ticksOf } from "../model/strip.js";
import { clockTime, counted, duration, hourTime } from "../model/text.js";
import { html, memo } from "./preact.js";

/** @param {Span} span */
function placed({ left, width }) {
  return { left: `${(left * 100).toFixed(3)}%`, width: `${(width * 100).toFixed(3)}%` };
}

/** @param {{ within: Stretch }} props */
export function Scale({ within }) {
  return html`<div class="scale" aria-hidden="true">
    ${ticksOf(within).map(
      ({ at, left }) => html`<span key=${at} class="scale-tick" style=${{ left: `${(left * 100).toFixed(3)}%` }} translate=${false}>${hourTime(at)}</span>`,
    )}
  </div>`;
}

/**
 * @param {object} props
 * @param {Line} props.line
 * @param {string} props.label whose, for who does not see it
 * @param {number} props.from ms
 * @param {number} props.to ms
 * @param {number} props.now ms
 */
function View({ line, label, from, to, now }) {
  const later = now < to ? spanOf({ from, to }, now, to) : null;
  return html`<div class="strip" role="img" aria-label=${`${label}: ${lineWords(line)}`} data-testid="strip">
    ${later === null ? null : html`<span class="strip-later" style=${placed(later)}></span>`}
    ${line.unlooked.map((span, index) => html`<span key=${`u${index}`} class="strip-unlooked" data-testid="unlooked" style=${placed(span)}></span>`)}
    ${line.stays.map(({ maybe, interval }) => html`<span key=${`m${interval.cursor}`} class="strip-maybe" style=${placed(maybe)}></span>`)}
    ${line.stays.map(
      ({ seen, interval }) => html`<span
        key=${`s${interval.cursor}`}
        class="strip-seen"
        data-testid="seen"
        style=${placed(seen)}
        title=${`${clockTime(Date.parse(interval.arrived_by), now)} – ${clockTime(Date.parse(interval.seen_until), now)}`}
      ></span>`,
    )}
  </div>`;
}

export const Strip = memo(View);

/** What the patterns mean. */
export function Legend() {
  return html`<ul class="legend" aria-label="Legend">
    <li><span class="legend-sign strip-seen" aria-hidden="true"></span>seen</li>
    <li><span class="legend-sign strip-maybe" aria-hidden="true"></span>perhaps there</li>
    <li><span class="legend-sign strip-unlooked" aria-hidden="true"></span>nobody looked</li>
    <li><span class="legend-sign strip-empty" aria-hidden="true"></span>looked for, not seen</li>
  </ul>`;
}

/**
 * The same to read.
 *
 * @param {{ line: Line, now: number }} props
 */
export function Stays({ line, now }) {
  return html`<ul class="stays">
    ${line.stays.map(({ interval }) => {
      const { arrived_by: by, seen_until: until, looks, longest_gap_seconds: gap, seconds, ended } = interval;
      return html`<li key=${interval.cursor} class="stay" data-testid="stay">
        <span class="stay-time" translate=${false}>${clockTime(Date.parse(by), now)} – ${clockTime(Date.parse(until), now)}</span>
        <span class="quiet">
          ${duration(seconds)} in ${counted(looks, "look")}${gap >= 1 ? `, longest gap ${duration(gap)}` : ""}${ended === null ? "" : `; ${ENDED[ended] ?? ended}`}
        </span>
      </li>`;
    })}
  </ul>`;
}
