// @ts-check
/** What the server says, on all its ways: the event socket, the status of the first room and of others, identities. */

/** @import { Store } from "../model/store.js" */
/** @import { Message } from "../net/socket.js" */

import { asked, several } from "../model/rooms.js";
import { Identities } from "../net/identity.js";
import { StatusPoll } from "../net/poll.js";
import { RoomsPoll } from "../net/rooms.js";
import { EventSocket } from "../net/socket.js";

/** Rooms whose identities are asked for at once. */
const MOST_HURRIED = 8;

/**
 * @typedef {object} NewsOptions
 * @property {() => string} chosen room that is looked at; "" all of them
 * @property {() => void} onAlarm something became of one
 * @property {() => void} onAnswer the server has told its status
 * @property {() => void} onEmptied what was known is known no more
 * @property {() => void} onRefused whoever looks is somebody else by now, or nobody
 */

export class News {
  #store;
  #options;
  #socket;
  #poll;
  #rooms;
  #identities;
  /** The cursor at which the last poll found the socket behind the log; behind at the same one again, it is dead. */
  #silentAt = -1;

  /** @param {Store} store @param {NewsOptions} options */
  constructor(store, options) {
    this.#store = store;
    this.#options = options;
    this.#identities = new Identities((room, told) => store.dispatch({ type: "identities", room, told }));
    this.#socket = new EventSocket({
      cursor: () => store.state.cursor,
      onMessages: (messages) => this.#heard(messages),
      onState: (state) => store.dispatch({ type: "socket", socket: state }),
    });
    this.#poll = new StatusPoll({
      cursor: () => store.state.cursor,
      room: () => (several(store.state) ? (store.state.status?.room ?? "") : ""),
      onStatus: (answer) => this.#told(answer),
      onFailure: (at, { status }) => {
        store.dispatch({ type: "status-failed", at });
        if (status === 401 || status === 403) options.onRefused();
      },
    });
    this.#rooms = new RoomsPoll({
      wanted: () => asked(store.state, options.chosen()),
      onRooms: (rooms) => store.dispatch({ type: "rooms", rooms }),
      onStatus: (answer) => {
        store.dispatch({ type: "other-status", ...answer });
        void this.#identities.follow(answer.status);
      },
      onAlarms: (told, among) => store.dispatch({ type: "alarms-elsewhere", told, asked: among, at: Date.now() }),
    });
  }

  start() {
    void this.#poll.now();
    void this.#rooms.now();
  }

  /** There may be news: asks now. */
  ask = () => void this.#poll.now();

  /** The same, and tries to connect at once: the network is back, or somebody looks again. */
  hurry = () => {
    this.#socket.hurry();
    this.ask();
  };

  /** Who is supposed to be who was changed here. */
  identitiesChanged = () => {
    this.#identities.forget();
    this.ask();
  };

  /** @param {readonly Message[]} messages */
  #heard(messages) {
    this.#store.dispatch({ type: "messages", messages, at: Date.now() });
    if (messages.some(({ alarm }) => alarm)) this.#options.onAlarm();
    const changed = new Set(messages.flatMap(({ identityIn: room }) => (room === undefined || room === "" ? [] : [room])));
    // After a pause it may be all of them: each is asked about in its turn.
    if (changed.size <= MOST_HURRIED) for (const room of changed) void this.#identities.hurry(room);
  }

  /** @param {import("../net/poll.js").Answer} answer */
  #told(answer) {
    const { logEpoch, cursor, api } = this.#store.state;
    this.#store.dispatch({ type: "status", ...answer });
    this.#socket.start();
    void this.#identities.follow(answer.status);
    this.#options.onAnswer();
    if (api.failures > 0) this.#socket.hurry(); // the server is back: no reason to wait any longer
    const behind = answer.status.events.cursor > cursor;
    const silent = behind && cursor === this.#silentAt;
    this.#silentAt = behind ? cursor : -1;
    if (this.#store.state.logEpoch !== logEpoch) {
      this.#socket.reread();
      this.#options.onEmptied();
    } else if (silent && this.#store.state.socket.state === "open") this.#socket.restart();
  }
}
