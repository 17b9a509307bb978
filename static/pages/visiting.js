// @ts-check
/** The rooms that this page is in: as a guest among the others, or watching without being seen. */

/** @import { Card } from "../types/model.js" */
/** @import { RoomsOffer } from "../model/rooms.js" */
/** @import { Store } from "../model/store.js" */

import { Session } from "../room/session.js";
import { actionsOf, visitOf } from "../room/visit.js";
import { Watching } from "../room/watching.js";
import { Join } from "../view/join.js";
import { html, render } from "../view/preact.js";
import { Watch } from "../view/watch.js";
import { identitiesInView } from "./in-view.js";
import { rememberName, rememberedName } from "./visitor.js";

/** How soon a video is received whose place has come into view. */
const LOOKED_MS = 500;

export class Visiting {
  #store;
  #mounts;
  #onChange;
  #chosen = "";
  #suggestedName = rememberedName();
  #session;
  #watching;
  #actions;

  /**
   * @param {Store} store
   * @param {{ join: HTMLElement, watch: HTMLElement, participants: HTMLElement }} mounts
   * @param {() => void} onChange something about the room or the camera is different now
   */
  constructor(store, mounts, onChange) {
    this.#store = store;
    this.#mounts = mounts;
    this.#onChange = onChange;
    this.#session = new Session(() => this.#changed());
    this.#watching = new Watching(() => this.#changed());
    this.#actions = actionsOf(this.#session, (name) => {
      this.#suggestedName = name;
      rememberName(name);
    });
  }

  start() {
    void this.#session.camera.list();
    setInterval(() => {
      if (this.#watching.phase !== "off") this.#watching.want(identitiesInView(this.#mounts.participants), Date.now());
    }, LOOKED_MS);
    addEventListener("pagehide", () => {
      this.#session.leave();
      this.#watching.stop();
    });
  }

  /** Whether this page is in a room among the others. */
  get joined() {
    return this.#session.phase === "in" || this.#session.phase === "returning";
  }

  /** As whom. */
  get name() {
    return this.#session.name;
  }

  /** Whether the own picture is shown as in a mirror. */
  get mirrored() {
    return this.#session.camera.mirrored;
  }

  /** @param {Card} card */
  videoOf = ({ room, identity }) =>
    (room === this.#session.room ? this.#session.videoOf(identity) : null) ??
    (room === this.#watching.room ? this.#watching.videoOf(identity) : null);

  /**
   * @param {object} drawn
   * @param {string} drawn.chosen room; "" all of them
   * @param {RoomsOffer | null} drawn.offer rooms to join; null: there is one
   * @param {boolean} drawn.consentRequired
   */
  draw({ chosen, offer, consentRequired }) {
    this.#chosen = chosen;
    const { status } = this.#store.state;
    render(
      html`<${Join}
        ...${visitOf(this.#session)}
        actions=${this.#actions}
        watchedRoom=${offer === null ? (status?.room ?? "") : ""}
        offer=${offer}
        roomGiven=${false}
        serverUrl=${status?.livekit_url ?? ""}
        suggestedName=${this.#suggestedName}
        consentRequired=${consentRequired}
      />`,
      this.#mounts.join,
    );
    const { phase, room, trouble } = this.#watching;
    render(
      this.joined
        ? null
        : html`<${Watch} phase=${phase} room=${room} trouble=${trouble} onToggle=${this.#toggle} />`,
      this.#mounts.watch,
    );
  }

  #toggle = () => {
    const { status } = this.#store.state;
    if (this.#watching.phase !== "off") this.#watching.stop();
    else if (status !== null) void this.#watching.start(this.#chosen === "" ? status.room : this.#chosen);
  };

  #changed() {
    const [session, watching] = [this.#session, this.#watching];
    // Somebody in a room that no recognizer has is not looked for: no card.
    const first = this.#store.state.status?.room ?? "";
    const watched = session.room === first || this.#store.state.listed.some(({ room }) => room === session.room);
    const inside = watched && this.joined;
    if (inside && watching.phase !== "off") {
      watching.stop(); // its videos are the same, or those of another room; and all of this once more
      return;
    }
    const rooms = new Map([[watching.room === "" ? first : watching.room, watching.participants()]]);
    if (watched && (inside || !rooms.has(session.room))) rooms.set(session.room, session.participants());
    for (const [room, participants] of rooms) {
      this.#store.dispatch({ type: "room", room, participants, at: Date.now() });
    }
    this.#onChange();
  }
}
