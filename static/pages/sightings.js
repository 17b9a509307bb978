// @ts-check
/** What happened last, beside the cards: what of it is shown, and how it is kept up to date. */

/** @import { State } from "../types/model.js" */

import { NO_FILTER } from "../model/activity.js";
import { several } from "../model/rooms.js";
import { Lately } from "../net/lately.js";
import { html, render } from "../view/preact.js";
import { MOST, STEP, Sightings as View } from "../view/sightings.js";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export class Sightings {
  #filter = NO_FILTER;
  #looks = false;
  #limit = STEP;
  #lately;
  #mount;
  #onChange;
  #onEnlarge;

  /**
   * @param {Element} mount
   * @param {() => void} onChange
   * @param {(event: import("../types/model.js").MatchEvent) => void} onEnlarge
   */
  constructor(mount, onChange, onEnlarge) {
    this.#mount = mount;
    this.#onChange = onChange;
    this.#onEnlarge = onEnlarge;
    this.#lately = new Lately(onChange);
  }

  /** @param {typeof NO_FILTER} filter */
  #narrow = (filter) => {
    this.#filter = filter;
    this.#onChange();
  };

  /** @param {boolean} looks every one of them */
  #choose = (looks) => {
    this.#looks = looks;
    this.#onChange();
  };

  #older = () => {
    this.#limit = Math.min(MOST, this.#limit + STEP);
    this.#onChange();
  };

  /**
   * @param {State} state
   * @param {{ room: string, notice: string, loading: boolean, now: number }} shown room: whose lines; notice: why
   *   something may be missing; now: of the page's clock
   */
  draw(state, { room, notice, loading, now }) {
    const { status, activity, cursor, logEpoch } = state;
    if (status !== null) {
      const log = `${logEpoch} ${Math.max(cursor, status.events.cursor)}`;
      this.#lately.follow({ log, room, limit: this.#limit }, now);
    }
    const every = {
      entries: activity,
      filter: this.#filter,
      day: Math.floor(now / DAY_MS),
      notice,
      loading,
      onFilter: this.#narrow,
      onEnlarge: this.#onEnlarge,
    };
    const { lines, more, trouble } = this.#lately;
    render(
      html`<${View}
        lines=${lines}
        more=${more}
        loading=${this.#lately.loading}
        trouble=${trouble}
        notice=${notice}
        room=${room}
        several=${several(state)}
        minute=${Math.floor(now / MINUTE_MS) * MINUTE_MS}
        limit=${this.#limit}
        looks=${this.#looks}
        onLooks=${this.#choose}
        onMore=${this.#older}
        onEnlarge=${this.#onEnlarge}
        every=${every}
      />`,
      this.#mount,
    );
  }
}
