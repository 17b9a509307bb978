// @ts-check
/** What the join panel shows of a visit to a room, and what its buttons do: the same on every page that has it. */

/** @import { JoinActions, Visit } from "../view/join.js" */
/** @import { Session } from "./session.js" */

/**
 * @param {Session} session
 * @returns {Visit}
 */
export function visitOf(session) {
  const { camera } = session;
  return {
    phase: session.phase,
    room: session.room,
    name: session.name,
    trouble: session.trouble,
    busy: session.busy,
    cameraOn: camera.on,
    microphoneOn: session.microphoneOn,
    soundOn: session.sound.on,
    consent: session.choice.consent,
    compared: session.choice.compared,
    track: camera.track,
    mirrored: camera.mirrored,
    cameras: camera.choices,
    camera: camera.chosen,
  };
}

/**
 * @param {Session} session
 * @param {(name: string) => void} onName somebody joins under this name
 * @returns {JoinActions}
 */
export function actionsOf(session, onName) {
  return {
    preview: () => void session.preview(),
    stopPreview: () => session.camera.stop(),
    chooseCamera: (id) => void session.chooseCamera(id),
    join: (room, name, withCamera, choice) => {
      onName(name);
      void session.join(room, name, { withCamera, choice });
    },
    leave: () => session.leave(),
    toggleCamera: () => void session.toggleCamera(),
    toggleMicrophone: () => void session.toggleMicrophone(),
    toggleSound: () => session.toggleSound(),
    toggleConsent: () => void session.toggleConsent(),
  };
}
