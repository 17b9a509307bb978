// @ts-check
/** A photo as it is on this machine, drawn on a canvas, with the faces that the server saw in it. */

/** @import { Size } from "../types/model.js" */
/** @import { Attempt } from "./reference.js" */

import { placeBox } from "../model/box.js";
import { Icon } from "./icons.js";
import { Outline } from "./outline.js";
import { html, useEffect, useRef, useState } from "./preact.js";

/** Larger previews would only cost memory. */
const PREVIEW_PIXELS = 960;

/** @param {{ attempt: Attempt }} props */
export function LocalPicture({ attempt }) {
  const { file, state, sent, faces, frame } = attempt;
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [picture, setPicture] = useState(/** @type {Size | "unreadable" | null} */ (null));
  useEffect(() => {
    let current = true;
    void draw(file, canvas).then((size) => current && setPicture(size ?? "unreadable"));
    return () => {
      current = false;
    };
  }, [file]);
  const element = canvas.current;
  const outlines =
    element === null || frame === null || picture === null || picture === "unreadable"
      ? []
      : faces.map((bbox) =>
          placeBox({
            bbox,
            frame,
            picture,
            element: [element.clientWidth, element.clientHeight],
            fit: "contain",
            mirrored: false,
          }),
        );
  const tone = state === "refused" ? "refused" : "accepted";
  return html`<div class="picture reference-picture" data-tone=${state} data-testid="reference-preview">
    <canvas
      ref=${canvas}
      class="picture-media"
      role="img"
      aria-label=${`The photo that you chose: ${file.name}`}
    ></canvas>
    ${
      picture === "unreadable"
        ? html`<div class="picture-empty">
            <${Icon} name="error" size=${44} /><span class="clip" translate=${false}>${file.name}</span>
          </div>`
        : null
    }
    ${outlines.map((at, index) => (at === null ? null : html`<${Outline} key=${index} at=${at} tone=${tone} />`))}
    ${
      state === "sending"
        ? html`<progress
          class="upload"
          aria-label="Upload"
          ...${sent < 1 ? { value: sent, max: 1 } : {}}
        ></progress>`
        : null
    }
  </div>`;
}

/**
 * @param {File} file
 * @param {{ current: HTMLCanvasElement | null }} canvas
 * @returns {Promise<Size | null>} what was drawn; null when the file is no picture
 */
async function draw(file, canvas) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  const target = canvas.current;
  if (bitmap === null || target === null) return null;
  const scale = Math.min(1, PREVIEW_PIXELS / Math.max(bitmap.width, bitmap.height));
  target.width = Math.max(1, Math.round(bitmap.width * scale));
  target.height = Math.max(1, Math.round(bitmap.height * scale));
  target.getContext("2d")?.drawImage(bitmap, 0, 0, target.width, target.height);
  /** @type {Size} */
  const size = [bitmap.width, bitmap.height];
  bitmap.close();
  return size;
}
