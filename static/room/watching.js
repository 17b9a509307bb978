// @ts-check
/**
 * Watching a room without taking part: its videos, by a connection of which nobody there is told. No camera, no sound;
 * only what is looked at is received.
 */

/** @import { RemoteTrack, Room } from "livekit-client" */
/** @import { RoomParticipant } from "../types/model.js" */

import { retryDelay } from "../model/backoff.js";
import { ApiError, fetchViewing } from "../net/api.js";
import { TIMEOUTS, loadLiveKit } from "./livekit.js";
import { othersIn, pictureOf } from "./others.js";
import { connectWords, farewell } from "./words.js";

/** How long a video is still received that is not looked at any more: scrolled back to, it is there. */
const LINGER_MS = 10_000;

export class Watching {
  /** @type {"off" | "starting" | "on" | "returning"} */
  phase = "off";
  room = "";
  trouble = "";
  /** @type {Room | null} */
  #livekitRoom = null;
  /** @type {Map<string, number>} until when whose video is wanted */
  #wanted = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #returning;
  /** counts attempts, so that what comes late of a former one is known */
  #visit = 0;
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** @param {string} room */
  async start(room) {
    if (this.phase !== "off") return;
    this.room = room;
    this.#visit += 1;
    this.#settle("starting", "");
    await this.#connect("off");
  }

  stop(trouble = "") {
    this.#visit += 1;
    clearTimeout(this.#returning);
    void this.#livekitRoom?.disconnect();
    this.#livekitRoom = null;
    this.#wanted.clear();
    this.#settle("off", trouble);
  }

  /** @returns {RoomParticipant[]} everybody who takes part; empty when not watching */
  participants() {
    return this.#livekitRoom === null ? [] : othersIn(this.#livekitRoom);
  }

  /**
   * @param {string} identity
   * @returns {RemoteTrack | null}
   */
  videoOf(identity) {
    return pictureOf(this.#livekitRoom?.remoteParticipants.get(identity));
  }

  /**
   * Receives the videos of these, and soon no others.
   *
   * @param {readonly string[]} identities whose places are in view
   * @param {number} now
   */
  want(identities, now) {
    for (const identity of identities) this.#wanted.set(identity, now + LINGER_MS);
    for (const participant of this.#livekitRoom?.remoteParticipants.values() ?? []) {
      const wanted = (this.#wanted.get(participant.identity) ?? 0) > now;
      for (const publication of participant.videoTrackPublications.values()) {
        if (publication.source !== "screen_share" && publication.isDesired !== wanted) publication.setSubscribed(wanted);
      }
    }
  }

  /** @param {"off" | "returning"} otherwise what is so when it does not succeed */
  async #connect(otherwise) {
    const visit = this.#visit;
    let url = "";
    /** @type {Room | null} */
    let room = null;
    try {
      const viewing = await fetchViewing(this.room);
      ({ url } = viewing);
      room = await this.#newRoom(visit);
      await room.connect(url, viewing.token, { autoSubscribe: false, ...TIMEOUTS });
    } catch (error) {
      if (visit !== this.#visit) return;
      const words = error instanceof ApiError ? error.message : connectWords(error, url);
      this.#settle(otherwise, words);
      if (otherwise === "returning") this.#return();
      return;
    }
    if (visit !== this.#visit) {
      void room.disconnect();
      return;
    }
    this.#livekitRoom = room;
    this.#attempt = 0;
    this.#settle("on", "");
  }

  #attempt = 0;

  #return() {
    const visit = this.#visit;
    this.#attempt += 1;
    this.#returning = setTimeout(() => {
      if (visit === this.#visit) void this.#connect("returning");
    }, retryDelay(this.#attempt, Math.random));
  }

  /**
   * @param {number} visit
   * @returns {Promise<Room>}
   */
  async #newRoom(visit) {
    const { Room, RoomEvent } = await loadLiveKit();
    const room = new Room({ adaptiveStream: true });
    for (const event of [
      RoomEvent.ParticipantConnected,
      RoomEvent.ParticipantDisconnected,
      RoomEvent.ParticipantNameChanged,
      RoomEvent.TrackSubscribed,
      RoomEvent.TrackUnsubscribed,
      RoomEvent.TrackMuted,
      RoomEvent.TrackUnmuted,
    ]) {
      room.on(event, this.#onChange);
    }
    room.on(RoomEvent.Reconnecting, () => this.#settle("returning", ""));
    room.on(RoomEvent.Reconnected, () => this.#settle("on", ""));
    room.on(RoomEvent.Disconnected, (reason) => {
      if (visit === this.#visit && this.#livekitRoom === room) this.#disconnected(reason);
    });
    return room;
  }

  /** @param {number | undefined} reason */
  #disconnected(reason) {
    this.#livekitRoom = null;
    const words = farewell(reason);
    if (words !== null) {
      this.stop(words);
      return;
    }
    this.#settle("returning", "");
    this.#return();
  }

  /**
   * @param {"off" | "starting" | "on" | "returning"} phase
   * @param {string} trouble
   */
  #settle(phase, trouble) {
    this.phase = phase;
    this.trouble = trouble;
    this.#onChange();
  }
}
