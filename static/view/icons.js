// @ts-check
/** Line icons on a 24 pixel grid, one shape per meaning; always beside a word, so hidden from screen readers. */

/** @import { CardState } from "../types/model.js" */

import { html } from "./preact.js";

const PATHS = {
  match: "M20 6 9.5 17 4 11.5",
  no_match: "M5 12h14",
  no_face:
    "M9 10h.01M15 10h.01M8 16h8M3 8V5a2 2 0 0 1 2-2h3M16 3h3a2 2 0 0 1 2 2v3M21 16v3a2 2 0 0 1-2 2h-3M8 21H5a2 2 0 0 1-2-2v-3",
  looking: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM16 16l5 5",
  no_video: "M3 3l18 18M10 6h4a2 2 0 0 1 2 2v2l5-3v10M16 16a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V8c0-.8.5-1.5 1.2-1.8",
  encrypted: "M6 11h12a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1ZM8 11V8a4 4 0 0 1 8 0v3M12 15v2",
  denied: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM5.6 5.6l12.8 12.8",
  too_large: "M9 3H3v6M15 3h6v6M9 21H3v-6M15 21h6v-6M3 3l6 6M21 3l-6 6M3 21l6-6M21 21l-6-6",
  error: "M12 8v5M12 17h.01M12 3 2 20h20L12 3Z",
  idle: "M4 16l4.5-5 4 4 2-2 5.5 6M4 5h16v14H4zM15.5 9h.01",
  offline:
    "M3 3l18 18M8.5 16.5a5 5 0 0 1 7 0M5 12.9a10 10 0 0 1 5.2-2.7M19 12.9a10 10 0 0 0-2-1.5M2 8.8a15 15 0 0 1 4.2-2.6M22 8.8A15 15 0 0 0 11.3 5M12 20h.01",
  left: "M9 21H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2h4M16 17l5-5-5-5M21 12H9",
  camera: "M5 6h9a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2ZM16 11l5-4v10l-5-4",
  microphone: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM5 11v1a7 7 0 0 0 14 0v-1M12 19v3",
  microphone_off:
    "M3 3l18 18M9 9v3a3 3 0 0 0 5 2.2M15 10V6a3 3 0 0 0-5.9-.6M5 11v1a7 7 0 0 0 11 5.7M19 11v1c0 .7-.1 1.3-.3 2M12 19v3",
  sound: "M11 5 6 9H3v6h3l5 4V5ZM15.5 9a4 4 0 0 1 0 6M18.5 6a8 8 0 0 1 0 12",
  sound_off: "M11 5 6 9H3v6h3l5 4V5ZM16 9l6 6M22 9l-6 6",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3",
  add: "M12 5v14M5 12h14",
  download: "M12 4v12M7 11l5 5 5-5M4 19v1a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-1",
  close: "M6 6l12 12M18 6 6 18",
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 11v5M12 8h.01",
  light:
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z",
  system: "M4 4h16v11H4zM9 20h6M12 15v5",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 21a8 8 0 0 1 16 0",
  empty:
    "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM2 21v-1a6 6 0 0 1 6-6h2a6 6 0 0 1 6 6v1M17 4a4 4 0 0 1 0 7M19 14.5a6 6 0 0 1 3 5.2V21",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @type {Readonly<Record<import("../model/summary.js").SummaryKind, IconName>>} */
export const ANSWER_ICONS = {
  alarm: "error",
  match: "match",
  none: "no_match",
  looking: "looking",
  empty: "empty",
  no_reference: "idle",
  doubt: "offline",
  offline: "offline",
  loading: "looking",
};

/**
 * @param {{ name: IconName, size?: number }} props
 */
export function Icon({ name, size = 20 }) {
  return html`<svg
    class="icon"
    viewBox="0 0 24 24"
    width=${size}
    height=${size}
    aria-hidden="true"
    focusable="false"
  >
    <path d=${PATHS[name]} />
  </svg>`;
}

/**
 * @param {CardState} state
 * @param {string} reason
 * @param {string} [tone] of whether they are who they should be
 * @returns {IconName}
 */
export function stateIcon(state, reason, tone = "") {
  if (reason === "left") return "left";
  if (tone === "bad") return "error";
  return state === "no_consent" || state === "not_compared" ? "idle" : state;
}
