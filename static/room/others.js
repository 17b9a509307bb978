// @ts-check
/** Who the others in a room are, and which picture of theirs is shown. */

/** @import { RemoteParticipant, RemoteTrack, Room } from "livekit-client" */
/** @import { RoomParticipant } from "../types/model.js" */

/** LiveKit's kinds of participants that nobody looks for, as in the recognizer: EGRESS, AGENT. A later kind is shown. */
const MACHINE_KINDS = new Set([2, 4]);

/** @param {Room} room @returns {RoomParticipant[]} those who are people */
export function othersIn(room) {
  return [...room.remoteParticipants.values()]
    .filter(({ kind }) => !MACHINE_KINDS.has(kind))
    .map((participant) => ({
      identity: participant.identity,
      participantId: participant.sid,
      name: participant.name || participant.identity,
      isLocal: false,
      video: pictureOf(participant)?.sid ?? "",
    }));
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
