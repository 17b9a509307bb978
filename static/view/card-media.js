// @ts-check
/** Somebody's live video with the box over it, else the last snapshot (which has its box drawn in), else initials. */

/** @import { MatchEvent } from "../types/model.js" */
/** @import { Track } from "livekit-client" */

import { placeBox } from "../model/box.js";
import { clockTime, figure, fullTime, initials } from "../model/text.js";
import { Outline } from "./outline.js";
import { html, memo, useState } from "./preact.js";
import { LiveVideo } from "./video.js";

/**
 * @typedef {object} MediaProps
 * @property {string} cardKey
 * @property {string} video sid of the track; "" without one
 * @property {MatchEvent | null} lastMatch
 * @property {boolean} fresh it has only just been
 * @property {number} now near enough to know the date
 * @property {Track | null} track
 * @property {boolean} mirrored
 * @property {string} name
 * @property {(event: MatchEvent) => void} onEnlarge
 * @property {(key: string) => void} onWatch
 */

/** @param {MediaProps} props */
function View({ cardKey, video, lastMatch, fresh, now, track, mirrored, name, onEnlarge, onWatch }) {
  const [missing, setMissing] = useState("");
  const live = track !== null && video !== "";
  const last = lastMatch?.snapshot ?? "";
  const snapshot = last === missing ? "" : last;
  const snapshotAt = lastMatch === null ? 0 : Date.parse(lastMatch.timestamp);
  return html`<div class=${live || snapshot !== "" ? "picture card-media" : "picture blank card-media"}>
    ${
      live
        ? html`<${Live}
          key=${video}
          track=${track}
          mirrored=${mirrored}
          match=${fresh ? lastMatch : null}
          name=${name}
        />`
        : snapshot === ""
          ? html`<div class="picture-empty" aria-hidden="true">
            <span class="initials" translate=${false}>${initials(name)}</span>
          </div>`
          : html`<button
            type="button"
            class="picture-button"
            aria-label=${`Enlarge the last snapshot of ${name}`}
            onClick=${() => lastMatch !== null && onEnlarge(lastMatch)}
          >
            <img
              class="picture-media"
              src=${`/captures/${encodeURIComponent(snapshot)}`}
              alt=""
              loading="lazy"
              decoding="async"
              onError=${() => setMissing(snapshot)}
            />
          </button>`
    }
    ${
      live
        ? html`<button
              type="button"
              class="picture-button"
              aria-label=${`Enlarge the live video of ${name}`}
              onClick=${() => onWatch(cardKey)}
            ></button>
            <span class="tag" data-tone="live">live</span>`
        : null
    }
    ${
      !live && snapshot !== ""
        ? html`<span class="tag" title=${fullTime(snapshotAt)}>
            <span class="tag-word">snapshot </span><span translate=${false}>${clockTime(snapshotAt, now)}</span>
          </span>`
        : null
    }
    <span class="sweep" aria-hidden="true"></span>
  </div>`;
}

export const Media = memo(View);

/**
 * @param {{ track: Track, mirrored: boolean, match: MatchEvent | null, name: string }} props match: to be outlined
 */
function Live({ track, mirrored, match, name }) {
  const [shape, setShape] = useState(
    /** @type {{ picture: [number, number], element: [number, number] } | null} */ (null),
  );
  const at =
    match !== null && shape !== null
      ? placeBox({ bbox: match.bbox, frame: match.frame_size, ...shape, fit: "contain", mirrored })
      : null;
  return html`<${LiveVideo}
      track=${track}
      mirrored=${mirrored}
      label=${`Live video of ${name}`}
      onShape=${(/** @type {HTMLVideoElement} */ video) =>
        setShape({
          picture: [video.videoWidth, video.videoHeight],
          element: [video.clientWidth, video.clientHeight],
        })}
    />
    ${
      at === null || match === null
        ? null
        : html`<${Outline} key=${match.cursor} at=${at} tone="match" label=${figure(match.confidence)} />`
    }`;
}
