// @ts-check
/** Three photos with this machine's camera: straight, and turned a little to either side. */

import { deviceWords } from "../room/words.js";
import { Trouble } from "./answer.js";
import { html, useEffect, useRef, useState } from "./preact.js";

const POSES = [
  { name: "straight", words: "Look straight into the camera" },
  { name: "left", words: "Turn your head a little to the left" },
  { name: "right", words: "Turn your head a little to the right" },
];
const WANTED = { video: { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "user" } };
const QUALITY = 0.92;

/** @param {{ onPhoto: (file: File) => void, onClose: () => void }} props */
export function PoseCamera({ onPhoto, onClose }) {
  const [stream, setStream] = useState(/** @type {MediaStream | null} */ (null));
  const [trouble, setTrouble] = useState("");
  const [taken, setTaken] = useState(0);
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));

  useEffect(() => {
    let current = true;
    /** @type {MediaStream | null} */
    let opened = null;
    // Missing where the page is not from https or localhost.
    const devices = /** @type {MediaDevices | undefined} */ (navigator.mediaDevices);
    const asked = devices?.getUserMedia(WANTED) ?? Promise.reject(new TypeError("no media devices"));
    asked.then(
      (got) => {
        opened = got;
        if (current) setStream(got);
        else stop(got);
      },
      (error) => current && setTrouble(deviceWords(error, "camera")),
    );
    return () => {
      current = false;
      if (opened !== null) stop(opened);
    };
  }, []);

  useEffect(() => {
    if (video.current !== null) video.current.srcObject = stream;
  }, [stream]);

  const pose = POSES[taken];
  const take = async () => {
    if (video.current === null || pose === undefined || stream === null) return;
    const file = await photoOf(video.current, `camera-${pose.name}.jpg`);
    if (file === null) return;
    onPhoto(file);
    setTaken(taken + 1);
    if (taken + 1 === POSES.length) stop(stream);
  };

  return html`<div class="poses" data-testid="poses" data-taken=${taken}>
    <${Trouble} words=${trouble} />
    ${
      trouble !== ""
        ? null
        : html`<div class="picture poses-picture">
            <video ref=${video} class="picture-media mirrored" aria-label="What the camera sees" autoplay muted playsinline></video>
            ${pose === undefined || stream === null ? null : html`<span class="poses-oval" aria-hidden="true"></span>`}
          </div>`
    }
    <div class="poses-side">
      <ol class="poses-list">
        ${POSES.map(
          ({ name, words }, index) => html`<li
            key=${name}
            class="pose"
            data-state=${index < taken ? "taken" : index === taken ? "next" : "later"}
            aria-current=${index === taken ? "step" : null}
          >
            <span class="pose-sign" aria-hidden="true">${index < taken ? "✓" : index + 1}</span><span>${words}</span>
          </li>`,
        )}
      </ol>
      <div class="poses-actions">
        ${
          pose === undefined || trouble !== ""
            ? null
            : html`<button
                type="button"
                class="button primary"
                data-testid="take-photo"
                aria-disabled=${stream === null ? "true" : "false"}
                onClick=${() => void take()}
              >
                Take photo ${taken + 1} of ${POSES.length}
              </button>`
        }
        <button type="button" class="button" onClick=${onClose}>${pose === undefined ? "Done" : "Close the camera"}</button>
      </div>
    </div>
  </div>`;
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/**
 * What the camera shows now, as it is and not as a mirror.
 *
 * @param {HTMLVideoElement} video
 * @param {string} name
 * @returns {Promise<File | null>} null while there is no picture
 */
async function photoOf(video, name) {
  if (video.videoWidth === 0) return null;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  const blob = await new Promise((/** @type {(made: Blob | null) => void} */ resolve) =>
    canvas.toBlob(resolve, "image/jpeg", QUALITY),
  );
  return blob === null ? null : new File([blob], name, { type: blob.type });
}
