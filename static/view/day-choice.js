// @ts-check
/** Which day: the one before, the one after, or any. */

/** @import { From } from "../types/model.js" */

import { dayBeside, dayOf } from "../model/strip.js";
import { Icon } from "./icons.js";
import { html } from "./preact.js";

/**
 * @param {object} props
 * @param {string} props.day
 * @param {string} props.today
 * @param {(day: string) => void} props.onDay
 */
export function DayChoice({ day, today, onDay }) {
  const last = day >= today;
  return html`<div class="day" role="group" aria-label="Day">
    <button type="button" class="icon-button" aria-label="The day before" data-testid="day-before" onClick=${() => onDay(dayBeside(day, -1))}>
      <${Icon} name="previous" />
    </button>
    <input
      class="input day-input"
      type="date"
      aria-label="Day"
      max=${today}
      data-testid="day"
      value=${day}
      onChange=${(/** @type {From<HTMLInputElement>} */ event) => {
        if (dayOf(event.currentTarget.value) !== null) onDay(event.currentTarget.value);
      }}
    />
    <button
      type="button"
      class="icon-button"
      aria-label="The day after"
      aria-disabled=${last ? "true" : "false"}
      onClick=${() => !last && onDay(dayBeside(day, 1))}
    >
      <${Icon} name="next" />
    </button>
    ${day === today ? null : html`<button type="button" class="button small" onClick=${() => onDay(today)}>Today</button>`}
  </div>`;
}
