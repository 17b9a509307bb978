// @ts-check
/** The rooms that somebody may be invited to, for the parts of the page that ask: the same object until they are others. */

/** @import { State } from "../types/model.js" */
/** @import { RoomsOffer } from "../model/rooms.js" */

import { offerOf } from "../model/rooms.js";

class OfferedRooms {
  /** @type {RoomsOffer | null} null: there is one room, or it is not known yet */
  offer = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {() => void} listener told when there are others */
  subscribe(listener) {
    this.#listeners.add(listener);
  }

  /**
   * @param {State} state
   * @param {string} chosen room that is looked at; "" all of them
   * @param {boolean} many whether rooms are watched by pattern
   */
  follow(state, chosen, many) {
    const offer = many ? offerOf(state, chosen) : null;
    if (JSON.stringify(offer) === JSON.stringify(this.offer)) return;
    this.offer = offer;
    for (const listener of this.#listeners) listener();
  }
}

export const offeredRooms = new OfferedRooms();
