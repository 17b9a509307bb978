// @ts-check
/** The place that shows what is so now: the cards, what happened last, and the drawer with what is set up. */

/** @import { Card, MatchEvent, State } from "../types/model.js" */
/** @import { Connection, Level, RecognizerState } from "../model/connection.js" */
/** @import { RoomsOffer } from "../model/rooms.js" */
/** @import { Rights } from "../model/rights.js" */
/** @import { Manage } from "../view/card.js" */
/** @import { Enlarging } from "./enlarging.js" */
/** @import { Setup } from "./setup.js" */
/** @import { Sightings } from "./sightings.js" */
/** @import { Tiles } from "./tiles.js" */
/** @import { Visiting } from "./visiting.js" */

import { looksForSomebody } from "../model/connection.js";
import { tabsOf } from "../model/rooms.js";
import { setUpWords } from "../model/setup.js";
import { Participants } from "../view/participants.js";
import { html, render } from "../view/preact.js";
import { Reference } from "../view/reference.js";

/**
 * @typedef {object} LiveParts
 * @property {Visiting} visiting
 * @property {Tiles} tiles
 * @property {Sightings} sightings
 * @property {Setup} setup
 * @property {Enlarging} enlarging
 */
/**
 * @typedef {object} LiveActions
 * @property {(event: MatchEvent) => void} onEnlarge
 * @property {() => void} onReferenceChanged
 * @property {() => void} onEraseReference
 * @property {Manage} manage for whoever may
 */
/**
 * @typedef {object} LiveDrawn
 * @property {State} state
 * @property {readonly Card[]} cards
 * @property {string} chosen room; "" all of them
 * @property {Connection} connection
 * @property {RecognizerState} recognizer
 * @property {Rights} rights
 * @property {{ canInvite: boolean, offer: RoomsOffer | null, consentRequired: boolean }} login
 * @property {boolean} loading
 * @property {number} pageNow
 * @property {number} now recognizer's clock, whole seconds
 */

export class Live {
  #mounts;
  #parts;
  #actions;
  /** Each time the panel begins anew: it may still show the photo from this machine that it has just sent. */
  #referencesErased = 0;

  /**
   * @param {{ reference: Element, participants: Element }} mounts
   * @param {LiveParts} parts
   * @param {LiveActions} actions
   */
  constructor(mounts, parts, actions) {
    this.#mounts = mounts;
    this.#parts = parts;
    this.#actions = actions;
  }

  /** The photo in use was erased here. */
  forgetReference() {
    this.#referencesErased += 1;
  }

  /** @param {LiveDrawn} drawn */
  draw(drawn) {
    const { state, chosen, connection, login, loading, pageNow } = drawn;
    this.#drawReference(drawn);
    this.#parts.visiting.draw({ chosen, offer: login.offer, consentRequired: login.consentRequired });
    this.#drawParticipants(drawn);
    this.#parts.sightings.draw(state, { room: chosen, notice: noticeOf(state, connection.level), loading, now: pageNow });
  }

  /** @param {LiveDrawn} drawn */
  #drawReference({ state: { status }, recognizer, rights, now }) {
    const heartbeat = status?.recognizer.heartbeat ?? null;
    render(
      html`<${Reference}
        key=${this.#referencesErased}
        reference=${status?.reference ?? null}
        rights=${rights}
        loading=${status === null}
        inUse=${recognizer === "ok" || recognizer === "rivals" ? (heartbeat?.reference_id ?? null) : null}
        problem=${heartbeat?.reference_error ?? null}
        now=${now}
        onChanged=${this.#actions.onReferenceChanged}
        onErase=${this.#actions.onEraseReference}
      />`,
      this.#mounts.reference,
    );
  }

  /** @param {LiveDrawn} drawn */
  #drawParticipants({ state, cards, chosen, connection: { level }, rights, login, loading, pageNow, now }) {
    const { visiting, tiles, setup, enlarging } = this.#parts;
    const hasReference = looksForSomebody(state.status);
    const begun = !loading && level !== "offline" && rights !== "unknown";
    render(
      html`<${Participants}
        cards=${chosen === "" ? cards : cards.filter((card) => card.room === chosen)}
        tabs=${tabsOf(state, cards, pageNow, level)}
        chosen=${chosen}
        view=${tiles.view}
        onView=${tiles.choose}
        onPin=${tiles.pin}
        now=${now}
        loading=${loading}
        showSteps=${begun && (!hasReference || cards.length === 0)}
        hasReference=${hasReference}
        rights=${rights}
        canInvite=${login.canInvite}
        joined=${visiting.joined}
        setUp=${setUpWords(state.status, visiting.joined ? visiting.name : "")}
        setupOpen=${setup.open}
        onSetup=${setup.toggle}
        videoOf=${visiting.videoOf}
        mirrored=${visiting.mirrored}
        onEnlarge=${this.#actions.onEnlarge}
        onWatch=${enlarging.show}
        manage=${rights === "change" ? this.#actions.manage : null}
      />`,
      this.#mounts.participants,
    );
  }
}

/**
 * Why the activity list may lack something.
 *
 * @param {State} state
 * @param {Level} level
 */
function noticeOf({ status }, level) {
  if (level === "offline") {
    return "Offline: nothing new arrives. What was missed is fetched as soon as the server is back.";
  }
  if (level === "doubtful") return "The server has said nothing for some seconds: there may be more than this.";
  const error = status?.events.error ?? null;
  return error === null ? "" : `The event log does not work, and nothing new is kept: ${error}`;
}
