// @ts-check
/** What happened last, one line for each stay; every single look is one click away. */

/** @import { MatchEvent } from "../types/model.js" */
/** @import { SightingLine } from "../types/people.js" */
/** @typedef {import("./activity.js").ActivityProps} ActivityProps */

import { hrefOf } from "../model/route.js";
import { Activity, Notice } from "./activity.js";
import { Trouble } from "./answer.js";
import { Entry } from "./happened.js";
import { html, memo } from "./preact.js";

/** Lines that one question asks for, and how many more there are with each step. */
export const STEP = 50;
/** Older ones are in History. */
export const MOST = 200;

/**
 * @typedef {object} SightingsProps
 * @property {readonly SightingLine[]} lines newest first
 * @property {boolean} more there are older ones
 * @property {boolean} loading
 * @property {string} trouble
 * @property {string} notice why nothing new comes, "" while it does
 * @property {string} room whose lines they are; "" of all
 * @property {boolean} several there are several rooms
 * @property {number} minute ms, whole minutes, which tell today from yesterday
 * @property {number} limit
 * @property {boolean} looks every look is listed instead
 * @property {(looks: boolean) => void} onLooks
 * @property {() => void} onMore
 * @property {(event: MatchEvent) => void} onEnlarge
 * @property {ActivityProps} every
 */

/** @param {SightingsProps} props */
function View({ looks, onLooks, every, ...lines }) {
  return html`<div class="switch sightings-switch" role="group" aria-label="What is listed">
      <button type="button" class="button small" data-testid="live-sightings" aria-pressed=${looks ? "false" : "true"} onClick=${() => onLooks(false)}>Sightings</button>
      <button type="button" class="button small" data-testid="live-looks" aria-pressed=${looks ? "true" : "false"} onClick=${() => onLooks(true)}>Every look</button>
    </div>
    ${looks ? html`<${Activity} ...${every} />` : html`<${Lines} ...${lines} />`}`;
}

export const Sightings = View;

/** @param {Record<string, string>} change */
const show = (change) => {
  location.hash = hrefOf("history", "", { view: "sightings", ...change });
};

/** @param {Omit<SightingsProps, "looks" | "onLooks" | "every">} props */
function LinesView({ lines, more, loading, trouble, notice, room, several, minute, limit, onMore, onEnlarge }) {
  return html`<${Notice} words=${notice} />
    <${Trouble} words=${notice === "" ? trouble : ""} />
    ${
      lines.length === 0
        ? html`<p class="activity-empty quiet">${loading ? "Loading…" : "Nothing yet. Who is seen, comes and goes is listed here."}</p>`
        : html`<ol class="entries" data-testid="sightings">
          ${lines.map(
            (line) => html`<${Entry}
            key=${line.cursor}
            match=${line.match}
            line=${line}
            now=${minute}
            testId="sighting-row"
            withRoom=${several && room === ""}
            show=${show}
            onEnlarge=${onEnlarge}
          />`,
          )}
          ${
            more && limit < MOST
              ? html`<li key="more" class="activity-more"><button type="button" class="button small" onClick=${onMore}>Show older</button></li>`
              : null
          }
        </ol>`
    }
    ${
      more && limit >= MOST
        ? html`<p class="activity-end quiet">The last ${MOST} are shown. <a href=${hrefOf("history", "", { view: "sightings", ...(room === "" ? {} : { room }) })}>All of them are in History</a>.</p>`
        : null
    }`;
}

const Lines = memo(LinesView);
