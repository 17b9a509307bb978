// @ts-check
/** What the panel shows once the page is in the room, and what the form before it shares with that. */

/** @import { From } from "../types/model.js" */
/** @import { JoinProps } from "./join.js" */

import { CompareState } from "./compare-choice.js";
import { Icon } from "./icons.js";
import { html, useEffect, useRef } from "./preact.js";

/** @param {Pick<JoinProps, "cameras" | "camera" | "actions">} props */
export function CameraChoiceField({ cameras, camera, actions }) {
  return html`<label class="field">
    <span class="field-name">Camera</span>
    <select
      class="input"
      name="camera"
      data-testid="join-camera"
      value=${camera}
      onChange=${(/** @type {From<HTMLSelectElement>} */ event) => actions.chooseCamera(event.currentTarget.value)}
    >
      <option value="">The browser’s default</option>
      ${cameras.map(({ id, label }) => html`<option key=${id} translate=${false} value=${id}>${label}</option>`)}
    </select>
  </label>`;
}

/** @param {JoinProps} props */
export function Controls(props) {
  const {
    phase,
    name,
    room,
    watchedRoom,
    trouble,
    busy,
    cameraOn,
    microphoneOn,
    soundOn,
    cameras,
    camera,
    consentRequired,
    consent,
    compared,
    actions,
  } = props;
  return html`<div class="controls">
    <p class="controls-where" role="status">
      ${phase === "returning" ? "The room was lost; coming back by itself…" : "In the room"}
      <span class="quiet">
        ${" as "}<bdi translate=${false}>${name}</bdi>${
          room === watchedRoom ? null : html`, <bdi translate=${false}>${room}</bdi>`
        }
      </span>
    </p>
    <div class="controls-row" role="group" aria-label="Your devices, and leaving">
      <${Toggle}
        on=${cameraOn}
        busy=${busy}
        onIcon="camera"
        offIcon="no_video"
        label="Camera"
        onClick=${actions.toggleCamera}
      />
      <${Toggle}
        on=${microphoneOn}
        busy=${busy}
        onIcon="microphone"
        offIcon="microphone_off"
        label="Microphone"
        onClick=${actions.toggleMicrophone}
      />
      <${Toggle}
        on=${soundOn}
        busy=${false}
        onIcon="sound"
        offIcon="sound_off"
        label="Sound"
        onClick=${actions.toggleSound}
      />
      <button type="button" class="button danger" data-testid="leave-button" onClick=${actions.leave}>
        <${Icon} name="left" />Leave
      </button>
    </div>
    <${CameraChoiceField} cameras=${cameras} camera=${camera} actions=${actions} />
    <${CompareState}
      required=${consentRequired}
      consent=${consent}
      compared=${compared}
      busy=${busy}
      onToggle=${actions.toggleConsent}
    />
    <${Trouble} words=${trouble} />
  </div>`;
}

/**
 * @param {object} props
 * @param {boolean} props.on
 * @param {boolean} props.busy
 * @param {import("./icons.js").IconName} props.onIcon
 * @param {import("./icons.js").IconName} props.offIcon
 * @param {string} props.label
 * @param {() => void} props.onClick
 */
function Toggle({ on, busy, onIcon, offIcon, label, onClick }) {
  return html`<button
    type="button"
    class="button toggle"
    aria-pressed=${on ? "true" : "false"}
    aria-disabled=${busy ? "true" : "false"}
    onClick=${() => !busy && onClick()}
  >
    <${Icon} name=${on ? onIcon : offIcon} />${label}
  </button>`;
}

/** @param {{ words: string }} props */
export function Trouble({ words }) {
  const line = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (words !== "") line.current?.parentElement?.lastElementChild?.scrollIntoView({ block: "nearest" });
  }, [words]);
  return html`<p
    ref=${line}
    class="verdict"
    data-tone="bad"
    role="alert"
    data-testid="join-trouble"
    hidden=${words === ""}
  >
    ${words === "" ? null : html`<${Icon} name="error" /><span>${words}</span>`}
  </p>`;
}
