// @ts-check
/** Joining the room with this machine's camera: who, where, which camera, a look at it first, then the controls. */

/** @import { From } from "../types/model.js" */
/** @import { LocalVideoTrack } from "livekit-client" */
/** @import { Choice, Phase } from "../room/session.js" */
/** @import { RoomsOffer } from "../model/rooms.js" */
/** @import { CameraChoice } from "../room/camera.js" */

import { displayName } from "../model/text.js";
import { Icon } from "./icons.js";
import { CompareChoice } from "./compare-choice.js";
import { html, memo, useState } from "./preact.js";
import { CameraChoiceField, Controls, Trouble } from "./join-controls.js";
import { RoomField } from "./room-field.js";
import { LiveVideo } from "./video.js";

/**
 * What the panel shows of the session, flat.
 *
 * @typedef {object} Visit
 * @property {Phase} phase
 * @property {string} room
 * @property {string} name what the others read
 * @property {string} trouble
 * @property {boolean} busy
 * @property {boolean} cameraOn
 * @property {boolean} microphoneOn
 * @property {boolean} soundOn
 * @property {boolean} consent
 * @property {boolean} compared
 * @property {LocalVideoTrack | null} track
 * @property {boolean} mirrored
 * @property {readonly CameraChoice[]} cameras
 * @property {string} camera
 */

/**
 * @typedef {object} JoinActions
 * @property {() => void} preview
 * @property {() => void} stopPreview
 * @property {(id: string) => void} chooseCamera
 * @property {(room: string, name: string, withCamera: boolean, choice: Choice) => void} join
 * @property {() => void} leave
 * @property {() => void} toggleCamera
 * @property {() => void} toggleMicrophone
 * @property {() => void} toggleSound
 * @property {() => void} toggleConsent
 */

/**
 * @typedef {Visit & { actions: JoinActions, watchedRoom: string, offer: RoomsOffer | null, serverUrl: string,
 *   suggestedName: string, roomGiven: boolean, consentRequired: boolean }} JoinProps watchedRoom: the one, "" where
 *   several are offered; roomGiven: no other can be joined
 */

/** @param {JoinProps} props */
function View(props) {
  const inRoom = props.phase === "in" || props.phase === "returning";
  return html`<div class="join" data-testid="join" data-phase=${props.phase}>
    <${Preview} ...${props} inRoom=${inRoom} />
    ${inRoom ? html`<${Controls} ...${props} />` : html`<${Form} ...${props} />`}
  </div>`;
}

export const Join = memo(View);

/** @param {JoinProps & { inRoom: boolean }} props */
function Preview({ track, cameraOn, mirrored, inRoom, busy, actions, phase }) {
  if (track !== null && cameraOn) {
    return html`<div class="picture join-picture">
      <${LiveVideo} track=${track} mirrored=${mirrored} label=${inRoom ? "Your camera" : "Preview of your camera"} />
      <span class="tag" data-tone=${inRoom ? "live" : ""}>${inRoom ? "you, live" : "only you see this"}</span>
      ${
        inRoom || phase === "joining"
          ? null
          : html`<button
            type="button"
            class="button small picture-action"
            onClick=${actions.stopPreview}
          >
            Stop the preview
          </button>`
      }
    </div>`;
  }
  return html`<div class="picture blank join-picture">
    <div class="picture-empty">
      <${Icon} name=${inRoom ? "no_video" : "camera"} size=${36} />
      ${
        inRoom
          ? html`<span>Your camera is off</span>`
          : html`<button
            type="button"
            class="button small"
            aria-disabled=${busy ? "true" : "false"}
            onClick=${() => !busy && actions.preview()}
          >
            Preview the camera
          </button>`
      }
    </div>
  </div>`;
}

/** @param {JoinProps} props */
function Form({
  phase,
  trouble,
  busy,
  watchedRoom,
  offer,
  serverUrl,
  suggestedName,
  roomGiven,
  consentRequired,
  consent,
  compared,
  cameras,
  camera,
  actions,
}) {
  const [choice, setChoice] = useState({ consent, compared });
  const [name, setName] = useState(suggestedName);
  const [room, setRoom] = useState(/** @type {string | null} */ (null));
  const chosenRoom = room ?? offer?.room ?? watchedRoom;
  const joining = phase === "joining";
  const join = (/** @type {boolean} */ withCamera) =>
    actions.join(chosenRoom.trim(), displayName(name, suggestedName), withCamera, choice);
  const waiting = joining || busy || (watchedRoom === "" && offer === null);
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (!waiting) join(true);
  };
  return html`<form class="join-form" onSubmit=${submit} autocomplete="off">
    <label class="field">
      <span class="field-name">Name</span>
      <input
        class="input"
        name="name"
        data-testid="join-name"
        required
        maxlength="128"
        value=${name}
        onInput=${(/** @type {From<HTMLInputElement>} */ event) => setName(event.currentTarget.value)}
      />
    </label>
    <${RoomField} testid="join-room" rooms=${offer?.rooms ?? []} room=${chosenRoom} given=${roomGiven} onRoom=${setRoom} />
    ${
      watchedRoom !== "" && chosenRoom.trim() !== watchedRoom
        ? html`<p class="hint" data-tone="warn">
          The recognizer watches <bdi translate=${false}>${watchedRoom}</bdi>. Nobody is looked for in another room.
        </p>`
        : null
    }
    <${CameraChoiceField} cameras=${cameras} camera=${camera} actions=${actions} />
    <${CompareChoice} required=${consentRequired} choice=${choice} onChoice=${setChoice} />
    <details class="advanced">
      <summary>Advanced</summary>
      <label class="field">
        <span class="field-name">Server address</span>
        <input class="input" name="server" data-testid="join-server" readonly value=${serverUrl} />
      </label>
      <p class="hint">Where your video goes. The server decides it: LIVEKIT_URL, or LIVEKIT_PUBLIC_URL for browsers.</p>
    </details>
    <${Trouble} words=${trouble} />
    <div class="join-actions">
      <button
        type="submit"
        class="button primary"
        data-testid="join-button"
        aria-disabled=${waiting ? "true" : "false"}
      >
        ${joining ? "Joining…" : "Join"}
      </button>
      ${
        joining
          ? html`<button type="button" class="button" onClick=${actions.leave}>Cancel</button>`
          : html`<button
            type="button"
            class="button"
            data-testid="join-without-camera"
            aria-disabled=${waiting ? "true" : "false"}
            onClick=${() => !waiting && join(false)}
          >
            Join without a camera
          </button>`
      }
    </div>
  </form>`;
}
