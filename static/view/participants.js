// @ts-check
/** Everybody in the room as tiles, what matters first, with what finds somebody among many; who has left in one line. */

/** @import { Rights } from "../model/rights.js" */
/** @import { Card as CardModel, From, MatchEvent } from "../types/model.js" */
/** @import { Tab } from "../model/rooms.js" */
/** @import { View as TilesView } from "../model/tiles.js" */
/** @typedef {import("./card.js").Manage} Manage */
/** @import { Track } from "livekit-client" */

import { counted, displayName, listed } from "../model/text.js";
import { PAGE, arranged } from "../model/tiles.js";
import { Card } from "./card.js";
import { Icon } from "./icons.js";
import { html, useState } from "./preact.js";
import { RoomTabs } from "./room-tabs.js";
import { Steps } from "./steps.js";

/** With more cards than this each becomes smaller, and keeps still. */
const ROOMY = 6;
/** Of those who have left no more than these are listed. */
const MOST_LEFT = 48;

/**
 * @typedef {object} ParticipantsProps
 * @property {readonly CardModel[]} cards
 * @property {readonly Tab[]} tabs the rooms; none while there is one
 * @property {string} chosen room; "" all of them
 * @property {TilesView} view
 * @property {(view: TilesView) => void} onView
 * @property {(key: string) => void} onPin
 * @property {number} now
 * @property {boolean} loading
 * @property {boolean} showSteps
 * @property {boolean} hasReference
 * @property {Rights} rights
 * @property {boolean} canInvite
 * @property {boolean} joined
 * @property {string} setUp what is set up, in few words
 * @property {boolean} setupOpen
 * @property {() => void} onSetup
 * @property {(card: CardModel) => Track | null} videoOf
 * @property {boolean} mirrored
 * @property {(event: MatchEvent) => void} onEnlarge
 * @property {(key: string) => void} onWatch its live video, large
 * @property {Manage | null} manage null: whoever looks may not
 */

/** @param {ParticipantsProps} props */
export function Participants(props) {
  const { cards, view, loading, showSteps, hasReference, rights, canInvite, joined, now } = props;
  const { shown, left, fitting, here, page, pages } = arranged(cards, view);
  const compact = view.size === "auto" ? here > ROOMY : view.size === "compact";
  const shared = {
    now,
    videoOf: props.videoOf,
    mirrored: props.mirrored,
    onEnlarge: props.onEnlarge,
    onWatch: props.onWatch,
    onPin: props.onPin,
    pinned: view.pinned,
    withRooms: props.tabs.length > 0 && props.chosen === "",
    manage: props.manage,
  };
  return html`<${RoomTabs} tabs=${props.tabs} chosen=${props.chosen} />
    <${Head} ...${props} here=${here} fitting=${fitting} compact=${compact} />
    ${
      showSteps
        ? html`<${Steps}
          hasReference=${hasReference}
          rights=${rights}
          canInvite=${canInvite}
          joined=${joined}
          hasParticipants=${cards.some((card) => card.state !== "offline")}
        />`
        : null
    }
    ${
      loading
        ? html`<ul class="cards" aria-hidden="true">
          ${[0, 1].map((index) => html`<li class="card skeleton" key=${index}></li>`)}
        </ul>`
        : html`<${Cards} cards=${shown} compact=${compact} ...${shared} />
          ${
            fitting === 0 && here > 0
              ? html`<p class="quiet nobody" role="status">Nobody fits. <button
                  type="button"
                  class="button small"
                  onClick=${() => props.onView({ ...view, search: "", matchesOnly: false, page: 0 })}
                >Show everybody</button></p>`
              : null
          }
          ${
            pages > 1
              ? html`<${Pages} page=${page} pages=${pages} fitting=${fitting} onPage=${(/** @type {number} */ next) =>
                  props.onView({ ...view, page: next })} />`
              : null
          }
          <${Left} cards=${left} ...${shared} />`
    }`;
}

/**
 * @param {ParticipantsProps & { here: number, fitting: number, compact: boolean }} props
 */
function Head({ view, onView, here, compact, setUp, setupOpen, onSetup }) {
  return html`<div class="now-head">
    ${
      here > ROOMY
        ? html`<input
            type="search"
            class="input small now-search"
            placeholder="Find somebody"
            aria-label="Find a participant"
            data-testid="tiles-search"
            value=${view.search}
            onInput=${(/** @type {From<HTMLInputElement>} */ event) =>
              onView({ ...view, search: event.currentTarget.value, page: 0 })}
          />
          <button
            type="button"
            class="button small participants-filter"
            aria-pressed=${view.matchesOnly ? "true" : "false"}
            onClick=${() => onView({ ...view, matchesOnly: !view.matchesOnly, page: 0 })}
          >
            <${Icon} name="match" size=${18} />Matches only
          </button>`
        : null
    }
    ${
      here > 1
        ? html`<button
            type="button"
            class="button small"
            data-testid="tiles-size"
            aria-pressed=${compact ? "false" : "true"}
            onClick=${() => onView({ ...view, size: compact ? "large" : "compact" })}
          >
            Large
          </button>`
        : null
    }
    <button
      type="button"
      class="button small setup-button"
      data-testid="setup-button"
      aria-expanded=${setupOpen ? "true" : "false"}
      aria-controls="setup"
      onClick=${onSetup}
    >
      <span>Set up</span><span class="quiet setup-words clip">${setUp}</span>
    </button>
  </div>`;
}

/** @param {{ page: number, pages: number, fitting: number, onPage: (page: number) => void }} props */
function Pages({ page, pages, fitting, onPage }) {
  const first = page * PAGE + 1;
  const turn = (/** @type {number} */ by) => {
    const next = page + by;
    if (next >= 0 && next < pages) onPage(next);
  };
  return html`<nav class="pages" aria-label="Pages of participants" data-testid="tiles-pages">
    <button type="button" class="button small" aria-disabled=${page === 0 ? "true" : "false"} onClick=${() => turn(-1)}>
      Previous
    </button>
    <span>${first} to ${Math.min(fitting, first + PAGE - 1)} of ${fitting}</span>
    <button
      type="button"
      class="button small"
      aria-disabled=${page === pages - 1 ? "true" : "false"}
      onClick=${() => turn(1)}
    >
      Next
    </button>
  </nav>`;
}

/**
 * @typedef {Pick<ParticipantsProps, "cards" | "now" | "videoOf" | "mirrored" | "onEnlarge" | "onWatch" | "onPin" | "manage">
 *   & { pinned: ReadonlySet<string>, withRooms: boolean }} CardsProps
 */

/** @param {CardsProps & { compact: boolean }} props */
function Cards({ cards, compact, now, videoOf, mirrored, onEnlarge, onWatch, onPin, pinned, withRooms, manage }) {
  return html`<ul
    class="cards"
    data-testid="cards"
    data-size=${compact ? "compact" : "large"}
    data-dense=${cards.length > ROOMY ? "yes" : "no"}
  >
    ${cards.map(
      (card) =>
        html`<${Card}
          key=${card.key}
          card=${card}
          now=${now}
          track=${card.video === "" ? null : videoOf(card)}
          mirrored=${card.isLocal && mirrored}
          pinned=${pinned.has(card.key)}
          withRoom=${withRooms}
          onEnlarge=${onEnlarge}
          onWatch=${onWatch}
          onPin=${onPin}
          manage=${manage}
        />`,
    )}
  </ul>`;
}

/**
 * Those who have left, out of the way of those who are here.
 *
 * @param {CardsProps} props
 */
function Left({ cards, now, onEnlarge, onWatch, onPin, withRooms, manage }) {
  const [open, setOpen] = useState(false);
  if (cards.length === 0) return null;
  const names = listed(cards.map((card) => displayName(card.name, card.identity)));
  return html`<details
    class="left"
    data-testid="past"
    open=${open}
    onToggle=${(/** @type {From<HTMLDetailsElement>} */ event) => setOpen(event.currentTarget.open)}
  >
    <summary class="left-line">
      <span>${counted(cards.length, "participant")} left</span>
      <bdi class="quiet clip" translate=${false}>${names}</bdi>
    </summary>
    ${
      open
        ? html`<ul class="past">
          ${cards.slice(-MOST_LEFT).map(
            (card) =>
              html`<${Card}
                key=${card.key}
                card=${card}
                now=${now}
                track=${null}
                mirrored=${false}
                pinned=${false}
                withRoom=${withRooms}
                onEnlarge=${onEnlarge}
                onWatch=${onWatch}
                onPin=${onPin}
                manage=${manage}
              />`,
          )}
        </ul>`
        : null
    }
  </details>`;
}
