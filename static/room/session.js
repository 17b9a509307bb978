// @ts-check
/**
 * This page's visit to a room: joining, leaving, coming back after the server was away, the controls, and who is
 * there. Knows LiveKit and no markup; says that something changed and is then asked.
 */

/** @import { Room, Track } from "livekit-client" */
/** @import { RoomParticipant } from "../types/model.js" */

import { retryDelay } from "../model/backoff.js";
import { ApiError, changeConsent, fetchToken } from "../net/api.js";
import { Camera } from "./camera.js";
import { TIMEOUTS, loadLiveKit } from "./livekit.js";
import { othersIn, pictureOf } from "./others.js";
import { Sound } from "./sound.js";
import { connectWords, deviceWords, farewell } from "./words.js";

/** @typedef {"out" | "joining" | "in" | "returning"} Phase */
/** @typedef {"camera" | "microphone" | "room" | "token" | "consent" | ""} TroubleWith */

/**
 * What whoever joins says of being compared.
 *
 * @typedef {object} Choice
 * @property {boolean} consent they have agreed
 * @property {boolean} compared false: they join without
 */

export class Session {
  /** @type {Phase} */
  phase = "out";
  room = "";
  /** what the others read */
  name = "";
  /** as the server gave it; "" before that */
  identity = "";
  /** what went wrong last, "" when nothing did */
  trouble = "";
  /** @type {TroubleWith} */
  troubleWith = "";
  microphoneOn = false;
  /** @type {Choice} */
  choice = { consent: false, compared: true };
  /** a control is at work: its button waits */
  busy = false;

  /** @type {Room | null} */
  #livekitRoom = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #returning;
  /** counts visits, so that what comes late of a former one is known */
  #visit = 0;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    this.camera = new Camera(onChange);
    this.sound = new Sound();
  }

  #onChange;

  /** Shows the camera's picture here only, nobody else sees it. */
  async preview() {
    await this.#attempt("camera", () => this.camera.start());
  }

  /** @param {string} id */
  async chooseCamera(id) {
    await this.#attempt("camera", () => this.camera.choose(id));
  }

  /**
   * @param {string} room
   * @param {string} name
   * @param {{ withCamera: boolean, choice: Choice }} options
   */
  async join(room, name, { withCamera, choice }) {
    if (this.phase !== "out") return;
    this.choice = choice;
    this.#visit += 1;
    if (room !== this.room || name !== this.name) this.identity = ""; // else the one of before, if nobody has it now
    this.room = room;
    this.name = name;
    this.#enter("joining");
    if (withCamera && !(await this.#attempt("camera", () => this.camera.start()))) {
      this.#enter("out");
      return;
    }
    if (!(await this.#connect())) this.#enter("out");
  }

  leave() {
    this.#visit += 1;
    clearTimeout(this.#returning);
    void this.#livekitRoom?.disconnect(true);
    this.#livekitRoom = null;
    this.camera.stop();
    this.microphoneOn = false;
    this.sound.hush();
    this.#settle("out", "", "");
  }

  async toggleCamera() {
    await this.#attempt("camera", async () => {
      const { track } = this.camera;
      if (track === null || track.mediaStreamTrack.readyState === "ended") {
        await this.#publish(await this.camera.start());
        if (this.camera.track?.isMuted) await this.camera.track.unmute();
      } else if (track.isMuted) await track.unmute();
      else await track.mute();
    });
  }

  async toggleMicrophone() {
    await this.#attempt("microphone", async () => {
      await this.#livekitRoom?.localParticipant.setMicrophoneEnabled(!this.microphoneOn);
      this.microphoneOn = this.#livekitRoom?.localParticipant.isMicrophoneEnabled ?? false;
    });
  }

  /** Agrees to be compared, or withdraws that. */
  async toggleConsent() {
    const given = !this.choice.consent;
    this.busy = true;
    this.#settle(this.phase, "", "");
    try {
      await changeConsent(this.room, this.identity, given);
      this.choice = { ...this.choice, consent: given };
    } catch (error) {
      const words = error instanceof ApiError ? error.message : "The server did not take it.";
      this.#settle(this.phase, "consent", words);
    } finally {
      this.busy = false;
      this.#onChange();
    }
  }

  /** Whether the others are heard here. Off at first: this page is often open beside a call. */
  toggleSound() {
    this.sound.turn(!this.sound.on, this.#livekitRoom);
    this.#onChange();
  }

  /** @returns {RoomParticipant[]} everybody in the room, oneself first; empty when not in one */
  participants() {
    const room = this.#livekitRoom;
    if (room === null || (this.phase !== "in" && this.phase !== "returning")) return [];
    const own = this.camera.on ? (this.camera.track?.sid ?? "own") : "";
    return [
      {
        identity: this.identity,
        participantId: room.localParticipant.sid,
        name: this.name,
        isLocal: true,
        video: own,
      },
      ...othersIn(room),
    ];
  }

  /**
   * @param {string} identity
   * @returns {Track | null} what a video element can be attached to
   */
  videoOf(identity) {
    return identity === this.identity && this.phase !== "out" ? this.camera.track : pictureOf(this.#livekitRoom?.remoteParticipants.get(identity));
  }

  /** @returns {Promise<boolean>} whether the page is in the room */
  async #connect() {
    const visit = this.#visit;
    /** @type {string} */
    let url;
    /** @type {string} */
    let token;
    try {
      const former = this.identity === "" ? null : this.identity;
      ({ url, token, identity: this.identity } = await fetchToken(this.room, this.name, former, this.choice));
    } catch (error) {
      return this.#refused(visit, "token", error instanceof ApiError ? error.message : "The server gave no token.");
    }
    /** @type {Room | null} */
    let room = null;
    try {
      room = await this.#newRoom(visit);
      await room.connect(url, token, TIMEOUTS);
    } catch (error) {
      return this.#refused(visit, "room", connectWords(error, url));
    }
    if (visit !== this.#visit) {
      void room.disconnect();
      return false;
    }
    this.#livekitRoom = room;
    this.#settle("in", "", "");
    const { track } = this.camera;
    if (track !== null) await this.#attempt("camera", () => this.#publish(track));
    return true;
  }

  /**
   * @param {number} visit
   * @returns {Promise<Room>}
   */
  async #newRoom(visit) {
    const { Room, RoomEvent } = await loadLiveKit();
    const room = new Room({
      adaptiveStream: true,
      dynacast: true,
      stopLocalTrackOnUnpublish: false, // the preview and a return to the room use the same picture
    });
    for (const event of [
      RoomEvent.ParticipantConnected,
      RoomEvent.ParticipantDisconnected,
      RoomEvent.ParticipantNameChanged,
      RoomEvent.TrackUnsubscribed,
      RoomEvent.TrackMuted,
      RoomEvent.TrackUnmuted,
      RoomEvent.LocalTrackPublished,
      RoomEvent.LocalTrackUnpublished,
    ]) {
      room.on(event, this.#onChange);
    }
    room.on(RoomEvent.TrackSubscribed, (track) => {
      this.sound.arrived(track);
      this.#onChange();
    });
    room.on(RoomEvent.Reconnecting, () => this.#enter("returning"));
    room.on(RoomEvent.Reconnected, () => this.#enter("in"));
    room.on(RoomEvent.Disconnected, (reason) => {
      if (visit === this.#visit && this.#livekitRoom === room) this.#disconnected(reason);
    });
    return room;
  }

  /** @param {number | undefined} reason */
  #disconnected(reason) {
    const words = farewell(reason);
    this.#livekitRoom = null;
    this.microphoneOn = false;
    this.sound.hush();
    if (words !== null) {
      this.#visit += 1;
      this.camera.stop();
      this.#settle("out", "room", words);
      return;
    }
    this.#enter("returning");
    this.#return(1);
  }

  /** @param {number} attempt */
  #return(attempt) {
    const visit = this.#visit;
    this.#returning = setTimeout(
      async () => {
        if (visit !== this.#visit) return;
        if (!(await this.#connect()) && visit === this.#visit) this.#return(attempt + 1);
      },
      retryDelay(attempt, Math.random),
    );
  }

  /**
   * @param {import("livekit-client").LocalVideoTrack} track
   */
  async #publish(track) {
    const participant = this.#livekitRoom?.localParticipant;
    if (participant === undefined) return;
    const { Track } = await loadLiveKit();
    const former = participant.getTrackPublication(Track.Source.Camera)?.track;
    if (former !== undefined && former !== track) await participant.unpublishTrack(former, true);
    await participant.publishTrack(track, { source: Track.Source.Camera, simulcast: true });
  }

  /**
   * Runs what a device may refuse; its refusal becomes words.
   *
   * @param {"camera" | "microphone"} device
   * @param {() => Promise<unknown>} action
   * @returns {Promise<boolean>} whether it worked
   */
  async #attempt(device, action) {
    this.busy = true;
    if (this.troubleWith === device) this.#settle(this.phase, "", "");
    this.#onChange();
    try {
      await action();
      return true;
    } catch (error) {
      this.#settle(this.phase, device, deviceWords(error, device));
      return false;
    } finally {
      this.busy = false;
      this.#onChange();
    }
  }

  /**
   * @param {number} visit
   * @param {TroubleWith} troubleWith
   * @param {string} words
   * @returns {false}
   */
  #refused(visit, troubleWith, words) {
    if (visit === this.#visit) this.#settle(this.phase, troubleWith, words);
    return false;
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.#settle(phase, this.troubleWith, this.trouble);
  }

  /**
   * @param {Phase} phase
   * @param {TroubleWith} troubleWith
   * @param {string} trouble
   */
  #settle(phase, troubleWith, trouble) {
    this.phase = phase;
    this.troubleWith = troubleWith;
    this.trouble = trouble;
    this.#onChange();
  }
}
