// @ts-check
/** The voices of the others, heard only when somebody asks for it. */

/** @import { RemoteTrack, Room } from "livekit-client" */

export class Sound {
  on = false;
  /** @type {Map<RemoteTrack, HTMLMediaElement>} */
  #heard = new Map();

  /**
   * @param {boolean} on
   * @param {Room | null} room whose voices
   */
  turn(on, room) {
    this.on = on;
    if (!on) this.hush();
    for (const participant of room?.remoteParticipants.values() ?? []) {
      for (const { track } of participant.audioTrackPublications.values()) {
        if (track !== undefined) this.arrived(/** @type {RemoteTrack} */ (track));
      }
    }
  }

  /** @param {RemoteTrack} track of any kind */
  arrived(track) {
    if (this.on && track.kind === "audio" && !this.#heard.has(track)) this.#heard.set(track, track.attach());
  }

  /** Lets go of every voice; the choice stays for the next ones. */
  hush() {
    for (const [track, element] of this.#heard) track.detach(element);
    this.#heard.clear();
  }
}
