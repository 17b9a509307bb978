// @ts-check
/** This page's own camera: preview before joining, the same picture in the room, one device at a time. */

/** @import { LocalVideoTrack } from "livekit-client" */

import { loadLiveKit } from "./livekit.js";

/** @typedef {{ id: string, label: string }} CameraChoice */

const REMEMBERED = "face-match.camera";

export class Camera {
  /** @type {LocalVideoTrack | null} */
  track = null;
  /** @type {CameraChoice[]} */
  choices = [];
  /** the chosen device's id, "" for the browser's default */
  chosen = remembered();

  /** @param {() => void} onChange called when the picture or the choices have changed */
  constructor(onChange) {
    this.#onChange = onChange;
    // Missing where the page is not from https or localhost.
    const devices = /** @type {MediaDevices | undefined} */ (navigator.mediaDevices);
    devices?.addEventListener("devicechange", () => void this.list());
  }

  #onChange;

  /** Whether the picture runs and is not muted. */
  get on() {
    return this.track !== null && !this.track.isMuted && this.track.mediaStreamTrack.readyState === "live";
  }

  /** A self-view is a mirror, unless the camera looks away from the user. */
  get mirrored() {
    return this.track?.mediaStreamTrack.getSettings().facingMode !== "environment";
  }

  /**
   * The picture, started when it does not run yet.
   *
   * @returns {Promise<LocalVideoTrack>}
   * @throws what getUserMedia throws
   */
  async start() {
    if (this.track !== null && this.track.mediaStreamTrack.readyState === "live") return this.track;
    if (!("mediaDevices" in navigator)) throw new TypeError("no media devices");
    const { createLocalVideoTrack, VideoPresets } = await loadLiveKit();
    const options = { resolution: VideoPresets.h720.resolution };
    try {
      this.track = await createLocalVideoTrack(
        this.chosen === "" ? options : { ...options, deviceId: { exact: this.chosen } },
      );
    } catch (error) {
      const gone =
        error instanceof Error && (error.name === "OverconstrainedError" || error.name === "NotFoundError");
      if (this.chosen === "" || !gone) throw error;
      this.chosen = ""; // the camera of last time is not connected today
      this.track = await createLocalVideoTrack(options);
    }
    this.track.on("ended", this.#onChange);
    await this.list();
    return this.track;
  }

  stop() {
    this.track?.off("ended", this.#onChange);
    this.track?.stop();
    this.track?.detach();
    this.track = null;
    this.#onChange();
  }

  /**
   * @param {string} id
   * @throws what getUserMedia throws
   */
  async choose(id) {
    this.chosen = id;
    remember(id);
    this.#onChange();
    if (this.track !== null) await this.track.setDeviceId(id === "" ? "default" : { exact: id });
    this.#onChange();
  }

  /** Looks which cameras there are; their names are only told once the camera has been allowed. */
  async list() {
    const devices = /** @type {MediaDevices | undefined} */ (navigator.mediaDevices);
    const found = (await devices?.enumerateDevices().catch(() => [])) ?? [];
    this.choices = found
      .filter((device) => device.kind === "videoinput" && device.deviceId !== "")
      .map((device, index) => ({ id: device.deviceId, label: device.label || `Camera ${index + 1}` }));
    this.#onChange();
  }
}

/** @returns {string} */
function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) ?? "";
  } catch {
    return ""; // storage is denied: the browser's default camera then
  }
}

/** @param {string} id */
function remember(id) {
  try {
    localStorage.setItem(REMEMBERED, id);
  } catch {
    // storage is denied: chosen for this visit only
  }
}
