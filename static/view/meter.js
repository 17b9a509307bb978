// @ts-check
/** The similarity score as a bar with the threshold marked on it. */

import { figure } from "../model/text.js";
import { Icon } from "./icons.js";
import { html, memo } from "./preact.js";

/** @param {number} value */
function within(value) {
  return Math.min(1, Math.max(0, value));
}

/**
 * @param {object} props
 * @param {number | null} props.score null when the last batch gave none
 * @param {number | null} props.distance
 * @param {number | null} props.threshold a distance
 * @param {boolean} props.matching
 */
function View({ score, distance, threshold, matching }) {
  const mark = threshold === null ? null : 1 - threshold;
  const fill = score === null ? 0 : within(score);
  const words =
    score === null ? "no score" : `${figure(score)}${mark === null ? "" : `, a match from ${figure(mark)} up`}`;
  const tip =
    distance === null || threshold === null
      ? "No face was compared"
      : `Distance ${figure(distance)}; a match is ${figure(threshold)} or less`;
  return html`<div class="meter" title=${tip} data-testid="score">
    <div
      class="meter-bar"
      role="meter"
      aria-label="Similarity score"
      aria-valuemin="0"
      aria-valuemax="1"
      aria-valuenow=${fill}
      aria-valuetext=${words}
      data-matching=${matching ? "yes" : "no"}
    >
      <div class="meter-fill" style=${{ width: `${fill * 100}%` }}></div>
      ${mark === null ? null : html`<div class="meter-mark" style=${{ left: `${within(mark) * 100}%` }}></div>`}
    </div>
    <span class="meter-figure" translate=${false}>${score === null ? "–" : figure(score)}</span>
    <button type="button" class="icon-button meter-help" popovertarget="score-help" aria-label="What the score says">
      <${Icon} name="info" size=${18} />
    </button>
  </div>`;
}

export const Meter = memo(View);
