// @ts-check
/** The alarms on this page: asked for when the log says that something became of one, and now and then. */

/** @import { Alarm, Alarms as Found } from "../model/alarms.js" */
/** @import { Rights } from "../model/rights.js" */
/** @import { ReferenceStatus } from "../types/model.js" */

import { hrefOf } from "../model/route.js";
import { same, sameOf } from "../model/same.js";
import { counted } from "../model/text.js";
import { ApiError } from "../net/api.js";
import { acknowledgeAlarm, fetchAlarms, judgeAlarm } from "../net/alarms.js";
import { AlarmList } from "../view/alarms.js";
import { html, render } from "../view/preact.js";
import { operatorName } from "./operator.js";
import { Telling } from "./telling.js";

/** What the log tells nobody: how often one was seen since, and that it was erased. */
const AGAIN_MS = 10_000;
/** After a failure. */
const RETRY_MS = 2000;
const DAY_MS = 86_400_000;

/** @param {Alarm} alarm */
const idOf = ({ id }) => id;

export class Alarms {
  #mounts;
  #onChange;
  #telling;
  /** @type {Found} */
  #found = { alarms: [], open: 0, recent: [] };
  /** @type {ReferenceStatus | null} */
  #reference = null;
  /** @type {ReadonlySet<string>} */
  #busy = new Set();
  #trouble = "";
  #dueAt = 0;
  #asking = false;
  #again = false;

  /**
   * @param {{ panel: HTMLElement, list: HTMLElement, count: HTMLElement, tell: HTMLElement }} mounts
   * @param {() => void} onChange
   */
  constructor(mounts, onChange) {
    this.#mounts = mounts;
    this.#onChange = onChange;
    this.#telling = new Telling(mounts.tell);
  }

  /** How many nobody has acknowledged. */
  get open() {
    return this.#found.open;
  }

  /** The server answers: asks it if that was some time ago. */
  keep() {
    if (Date.now() >= this.#dueAt) void this.ask();
  }

  /** Asks now; while a question is out, once more after its answer. */
  async ask() {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    try {
      const { alarms, open, recent } = await fetchAlarms();
      const { alarms: before, recent: past } = this.#found;
      this.#found = same(this.#found, { open, alarms: sameOf(before, alarms, idOf), recent: sameOf(past, recent, idOf) });
      this.#dueAt = Date.now() + AGAIN_MS;
      this.#telling.hear(this.#found.alarms);
      this.#onChange();
    } catch {
      this.#dueAt = Date.now() + RETRY_MS; // away, or it does not let us: the page says so elsewhere
    }
    this.#asking = false;
    if (!this.#again) return;
    this.#again = false;
    void this.ask();
  }

  /**
   * @param {object} drawn
   * @param {Rights} drawn.rights
   * @param {boolean} drawn.several whether there are several rooms
   * @param {ReferenceStatus | null} drawn.reference
   * @param {number} drawn.pageNow
   */
  draw({ rights, several, reference, pageNow }) {
    const { open } = this.#found;
    this.#reference = same(this.#reference, reference);
    render(
      html`<${AlarmList}
        found=${this.#found}
        several=${several}
        busy=${this.#busy}
        trouble=${this.#trouble}
        reference=${this.#reference}
        mayAnswer=${rights !== "unknown"}
        mayJudge=${rights === "change"}
        day=${Math.floor(pageNow / DAY_MS)}
        onAcknowledge=${this.#acknowledge}
        onJudge=${this.#judge}
      />`,
      this.#mounts.list,
    );
    render(
      open === 0
        ? null
        : html`<a class="pill" data-tone="bad" data-testid="alarm-count" href=${hrefOf("live")} onClick=${this.#show}>
            ${counted(open, "alarm")}
          </a>`,
      this.#mounts.count,
    );
  }

  #show = (/** @type {Event} */ event) => {
    if (!this.#mounts.panel.checkVisibility()) return; // another place: the link leads to where they are on top
    event.preventDefault();
    this.#mounts.panel.focus();
  };

  /** @param {string} id */
  #acknowledge = (id) => void this.#answer(id, () => acknowledgeAlarm(id, operatorName()));

  /** @param {string} id @param {"right" | "wrong"} verdict */
  #judge = (id, verdict) => void this.#answer(id, () => judgeAlarm(id, verdict, operatorName()));

  /** @param {string} id @param {() => Promise<void>} send */
  async #answer(id, send) {
    if (this.#busy.has(id)) return;
    this.#busy = new Set(this.#busy).add(id);
    this.#trouble = "";
    this.#onChange();
    try {
      await send();
    } catch (error) {
      this.#trouble = error instanceof ApiError ? error.message : "Something went wrong. Try again.";
    }
    await this.ask();
    const busy = new Set(this.#busy);
    busy.delete(id);
    this.#busy = busy;
    this.#onChange();
  }
}
