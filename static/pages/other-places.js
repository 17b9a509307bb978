// @ts-check
/** The places beside the live one, once they have been shown: what is under way there goes on behind the one in front. */

/** @import { MatchEvent } from "../types/model.js" */
/** @import { RoomsOffer } from "../model/rooms.js" */
/** @import { Rights } from "../model/rights.js" */
/** @import { Places } from "./places.js" */

import { History } from "../view/history.js";
import { People } from "../view/people.js";
import { html, render } from "../view/preact.js";

const MINUTE_MS = 60_000;

/**
 * @param {Places} places
 * @param {{ people: Element, history: Element }} mounts
 * @param {object} about
 * @param {Rights} about.rights
 * @param {boolean} about.canInvite others could follow a link
 * @param {RoomsOffer | null} about.offer rooms to invite to; null: there is one
 * @param {number} about.pageNow
 * @param {string} about.room that is watched
 * @param {(person: { id: string, name: string, photos: number }) => void} about.onErase
 * @param {(event: MatchEvent) => void} about.onEnlarge
 */
export function drawPlaces({ route, routeOf, go, stay }, mounts, { rights, canInvite, offer, pageNow, room, onErase, onEnlarge }) {
  const now = Math.floor(pageNow / MINUTE_MS) * MINUTE_MS;
  const [people, past] = [routeOf("people"), routeOf("history")];
  if (people !== null) {
    render(
      html`<${People}
        route=${people}
        shown=${route.place === "people"}
        rights=${rights}
        canInvite=${canInvite}
        offer=${offer}
        now=${now}
        go=${go}
        stay=${stay}
        onErase=${onErase}
      />`,
      mounts.people,
    );
  }
  if (past !== null) {
    render(
      html`<${History} route=${past} shown=${route.place === "history"} room=${room} now=${now} stay=${stay} onEnlarge=${onEnlarge} />`,
      mounts.history,
    );
  }
}
