// @ts-check
/** A snapshot's face, small. Where the snapshot was cropped when it was taken, all of it is shown. */

/** @import { From, MatchEvent } from "../types/model.js" */

import { aroundFace } from "../model/crop.js";
import { html, memo, useState } from "./preact.js";

/** @param {number} fraction */
function percent(fraction) {
  return `${(fraction * 100).toFixed(2)}%`;
}

/**
 * @param {object} props
 * @param {MatchEvent} props.event
 * @param {() => void} [props.onMissing] the snapshot has been removed
 */
function View({ event, onMissing }) {
  const [whole, setWhole] = useState(false);
  const [width, height] = event.frame_size;
  const at = aroundFace(event.bbox, event.frame_size, 1);
  const measured = (/** @type {HTMLImageElement} */ image) =>
    setWhole(image.naturalWidth === width && image.naturalHeight === height);
  const style = whole && at !== null && { width: percent(at.width), left: percent(at.left), top: percent(at.top) };
  return html`<span class="face-shot" data-fit=${style ? "face" : "all"} data-testid="face-shot">
    <img
      src=${`/captures/${encodeURIComponent(event.snapshot ?? "")}`}
      alt=""
      width="48"
      height="48"
      loading="lazy"
      decoding="async"
      style=${style || {}}
      onLoad=${(/** @type {From<HTMLImageElement>} */ loaded) => measured(loaded.currentTarget)}
      onError=${onMissing}
    />
  </span>`;
}

export const FaceShot = memo(View);
