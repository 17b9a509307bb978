// @ts-check
/** Who in a room is a person, and which picture of theirs is shown. */

/** @import { RemoteParticipant, RemoteTrack } from "livekit-client" */

/** LiveKit's kinds of participants that nobody looks for, as in the recognizer: EGRESS, AGENT. A later kind is shown. */
const MACHINE_KINDS = new Set([2, 4]);

/** @param {RemoteParticipant} participant */
export function isPerson({ kind }) {
  return !MACHINE_KINDS.has(kind);
}

/**
 * @param {RemoteParticipant | undefined} participant
 * @returns {RemoteTrack | null} of their camera, if it is on and received
 */
export function pictureOf(participant) {
  for (const publication of participant?.videoTrackPublications.values() ?? []) {
    if (publication.source !== "screen_share" && publication.track !== undefined && !publication.isMuted) {
      return publication.track;
    }
  }
  return null;
}
