// @ts-check
/** The rooms, each a link with how many are in it, and how many alarms and matches. */

/** @import { Tab } from "../model/rooms.js" */

import { hrefOf } from "../model/route.js";
import { counted } from "../model/text.js";
import { html } from "./preact.js";

/** @param {{ tabs: readonly Tab[], chosen: string }} props chosen: "" all of them */
export function RoomTabs({ tabs, chosen }) {
  if (tabs.length === 0) return null;
  return html`<nav class="rooms" aria-label="Rooms" data-testid="rooms">
    ${tabs.map(
      ({ room, participants, matched, alarms, watched }) => html`<a
        key=${room}
        class="room"
        href=${hrefOf("live", room)}
        aria-current=${room === chosen ? "page" : null}
        data-watched=${watched ? "yes" : "no"}
      >
        ${room === "" ? html`<span>All rooms</span>` : html`<bdi class="clip" translate=${false}>${room}</bdi>`}
        <span class="quiet" title=${counted(participants, "participant")}>
          <span translate=${false}>${participants}</span>
          <span class="visually-hidden"> in the room</span>
        </span>
        ${
          alarms === 0
            ? null
            : html`<span class="room-count" data-tone="bad">${counted(alarms, "alarm")}</span>`
        }
        ${
          matched === 0
            ? null
            : html`<span class="room-count" data-tone="good">${counted(matched, "match", "matches")}</span>`
        }
        ${watched ? null : html`<span class="room-count" data-tone="warn">not watched</span>`}
      </a>`,
    )}
  </nav>`;
}
