// @ts-check
/** A live picture: a LiveKit track shown in a video element for as long as both are there. */

/** @import { Track } from "livekit-client" */

import { html, memo, useEffect, useRef } from "./preact.js";

/**
 * @typedef {object} LiveVideoProps
 * @property {Track} track
 * @property {boolean} mirrored
 * @property {string} label
 * @property {(element: HTMLVideoElement) => void} [onShape] the picture has another size now
 */

/** @param {LiveVideoProps} props */
function View({ track, mirrored, label, onShape }) {
  const ref = useRef(/** @type {HTMLVideoElement | null} */ (null));
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    track.attach(element);
    return () => void track.detach(element);
  }, [track]);
  const shaped = () => ref.current !== null && onShape?.(ref.current);
  return html`<video
    ref=${ref}
    class=${mirrored ? "picture-media mirrored" : "picture-media"}
    aria-label=${label}
    autoplay
    muted
    playsinline
    disablepictureinpicture
    onLoadedMetadata=${shaped}
    onResize=${shaped}
  ></video>`;
}

export const LiveVideo = memo(View);
