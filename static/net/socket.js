// @ts-check
/** The event socket: resumes after the last cursor, comes back by itself, and hands messages over in groups. */

/** @import { FaceEvent, Socket } from "../types/model.js" */

import { retryDelay } from "../model/backoff.js";
import { parseMessage } from "../model/wire.js";

/** @typedef {{ cursor: number, event: FaceEvent | null, alarm?: true, identityIn?: string }} Message */

/** A connection that does not open within this is given up. */
const OPEN_TIMEOUT_MS = 10_000;
/** Messages that come within this are handed over as one group: a replay is one change of state, not a thousand. */
const GATHER_MS = 40;
/** A connection has to last this long to count as one that worked. */
const SETTLED_MS = 5000;

export class EventSocket {
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0;
  #lostAt = 0;
  #openedAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Message[]} */
  #gathered = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #gathering;

  /**
   * @param {object} options
   * @param {() => number} options.cursor the last one that arrived
   * @param {(messages: Message[]) => void} options.onMessages
   * @param {(socket: Socket) => void} options.onState
   */
  constructor({ cursor, onMessages, onState }) {
    this.#cursor = cursor;
    this.#onMessages = onMessages;
    this.#onState = onState;
  }

  #cursor;
  #onMessages;
  #onState;

  start() {
    if (this.#socket === null && this.#timer === undefined) this.#open();
  }

  /** Tries at once when it was going to wait: the network is back, somebody looks at the page again. */
  hurry() {
    if (this.#socket === null && this.#timer !== undefined) this.#open();
  }

  /** Drops the connection and resumes on a new one, because this one has gone silent. */
  restart() {
    this.#flush();
    this.#again();
  }

  /** The same from another position: what was not handed over yet comes again, or is there no more. */
  reread() {
    this.#taken();
    this.#again();
  }

  #again() {
    this.#drop();
    this.#lostAt = Date.now();
    this.#open();
  }

  /** Ends it for good. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drop();
  }

  #open() {
    clearTimeout(this.#timer);
    // Every type: the cursor is then the log's, whatever came last, and a silent connection is told from a quiet one.
    const address = new URL(`/ws/events?after=${this.#cursor()}`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#onState({ state: "connecting", attempt: this.#attempt, since: this.#lostAt });
    this.#timer = setTimeout(() => this.#lost(socket), OPEN_TIMEOUT_MS);
    socket.addEventListener("open", () => {
      if (this.#socket !== socket) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#openedAt = Date.now();
      this.#onState({ state: "open", since: this.#openedAt });
    });
    socket.addEventListener("message", (message) => {
      if (this.#socket === socket) this.#gather(parseMessage(message.data));
    });
    socket.addEventListener("close", () => this.#lost(socket));
  }

  /** @param {Message | null} message */
  #gather(message) {
    if (message === null) return;
    this.#gathered.push(message);
    this.#gathering ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  #flush() {
    const messages = this.#taken();
    if (messages.length > 0) this.#onMessages(messages);
  }

  /** What was gathered; from then on there is nothing. */
  #taken() {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const messages = this.#gathered;
    this.#gathered = [];
    return messages;
  }

  /** @param {WebSocket} socket */
  #lost(socket) {
    if (this.#socket !== socket) return;
    this.#flush();
    this.#drop();
    const now = Date.now();
    if (this.#openedAt !== 0) {
      this.#lostAt = now;
      if (now - this.#openedAt >= SETTLED_MS) this.#attempt = 0;
      this.#openedAt = 0;
    }
    this.#attempt += 1;
    const wait = retryDelay(this.#attempt, Math.random);
    this.#onState({ state: "waiting", attempt: this.#attempt, since: this.#lostAt, retryAt: now + wait });
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const socket = this.#socket;
    this.#socket = null;
    this.#openedAt = 0;
    socket?.close();
  }
}
