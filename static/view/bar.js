// @ts-check
/** The header's right half: is this live, which room, does the recognizer work, which theme. */

/** @import { Heartbeat } from "../types/model.js" */
/** @typedef {import("../model/connection.js").Connection} Connection */
/** @typedef {import("../model/connection.js").RecognizerState} RecognizerState */
/** @typedef {import("./theme-choice.js").Theme} Theme */
/** @typedef {import("./icons.js").IconName} IconName */

import { counted, duration, megabytes } from "../model/text.js";
import { Icon } from "./icons.js";
import { html, memo } from "./preact.js";

/** @type {Readonly<Record<RecognizerState, { words: string, tone: string, help: string }>>} */
const RECOGNIZER = {
  unknown: { words: "recognizer unknown", tone: "quiet", help: "Not known while the page is offline." },
  ok: { words: "recognizer ok", tone: "good", help: "In the room and looking." },
  rivals: {
    words: "several recognizers",
    tone: "warn",
    help: "More than one recognizer reports this room, so every match comes more than once. Stop all but one.",
  },
  no_reference: {
    words: "recognizer waiting",
    tone: "quiet",
    help: "In the room; it begins with the first reference photo.",
  },
  connecting: { words: "recognizer connecting", tone: "busy", help: "On its way into the room." },
  lost: {
    words: "recognizer reconnecting",
    tone: "warn",
    help: "It has lost the video server and is trying to come back.",
  },
  absent: {
    words: "recognizer away",
    tone: "bad",
    help: "It has stopped reporting. Start main.py, or look at its log.",
  },
  never: {
    words: "recognizer not started",
    tone: "bad",
    help: "It has not reported yet. Start it with run.sh or main.py.",
  },
};

/** @type {Readonly<Record<Connection["level"], string>>} */
const CONNECTION = {
  connecting: "connecting",
  live: "live",
  doubtful: "no news",
  reconnecting: "reconnecting",
  offline: "offline",
};
const TONES = { connecting: "busy", live: "good", doubtful: "warn", reconnecting: "warn", offline: "bad" };

/** @type {Readonly<Record<Theme, { icon: IconName, label: string }>>} */
const THEMES = {
  system: { icon: "system", label: "Theme: as the system" },
  light: { icon: "light", label: "Theme: light" },
  dark: { icon: "dark", label: "Theme: dark" },
};

/**
 * @typedef {object} BarProps
 * @property {Connection["level"]} level
 * @property {number | null} retryIn
 * @property {string} room the first, or the only one
 * @property {number} rooms how many are listed
 * @property {number} unwatched of them
 * @property {RecognizerState} recognizer
 * @property {Heartbeat | null} heartbeat
 * @property {number} missing events that it has sent and that never came
 * @property {string} differing settings that processes have not alike: a sentence each line
 * @property {Theme} theme
 * @property {() => void} onTheme
 * @property {() => void} onRetry
 */

/** @param {BarProps} props */
function View({
  level,
  retryIn,
  room,
  rooms,
  unwatched,
  recognizer,
  heartbeat,
  missing,
  differing,
  theme,
  onTheme,
  onRetry,
}) {
  const { words, tone } = RECOGNIZER[recognizer];
  return html`
    <span class="pill" data-tone=${TONES[level]} data-testid="connection" data-level=${level}>
      <span class="dot" aria-hidden="true"></span><span>${CONNECTION[level]}</span>
      ${retryIn === null ? null : html`<span class="quiet">· again in ${retryIn} s</span>`}
    </span>
    ${
      level === "offline"
        ? html`<button type="button" class="button small" onClick=${onRetry}>Try now</button>`
        : null
    }
    ${
      rooms > 1
        ? html`<span class="pill bar-room" data-tone=${unwatched > 0 ? "warn" : ""}>
            ${rooms} rooms${unwatched > 0 ? `, ${unwatched} not watched` : ""}
          </span>`
        : html`<span class="pill bar-room" title=${room}>
            <span class="quiet">room</span>
            <bdi class="clip" translate=${false}>${room === "" ? "…" : room}</bdi>
          </span>`
    }
    <button
      type="button"
      class="pill pill-button"
      data-tone=${tone}
      data-testid="recognizer"
      data-recognizer=${recognizer}
      popovertarget="recognizer-help"
    >
      <span class="dot" aria-hidden="true"></span>${words}
    </button>
    <div class="help recognizer-help" id="recognizer-help" popover="auto">
      <${Account} recognizer=${recognizer} heartbeat=${heartbeat} missing=${missing} />
    </div>
    ${differing === "" ? null : html`<${Differing} sentences=${differing} />`}
    <button
      type="button"
      class="icon-button"
      onClick=${onTheme}
      aria-label=${THEMES[theme].label}
      title=${THEMES[theme].label}
    >
      <${Icon} name=${THEMES[theme].icon} />
    </button>
  `;
}

export const Bar = memo(View);

/** @param {{ sentences: string }} props */
function Differing({ sentences }) {
  return html`<button
      type="button"
      class="pill pill-button"
      data-tone="warn"
      data-testid="settings-differ"
      popovertarget="settings-differ"
    >
      <span class="dot" aria-hidden="true"></span>settings differ
    </button>
    <div class="help recognizer-help" id="settings-differ" popover="auto">
      <h2>Settings differ</h2>
      <p>Processes of this Face Match are not set alike, so what is found depends on which of them is asked.</p>
      <ul>
        ${sentences.split("\n").map((sentence) => html`<li key=${sentence}>${sentence}</li>`)}
      </ul>
      <button type="button" class="button" popovertarget="settings-differ" popovertargetaction="hide">Close</button>
    </div>`;
}

/** @param {{ recognizer: RecognizerState, heartbeat: Heartbeat | null, missing: number }} props */
function Account({ recognizer, heartbeat, missing }) {
  const { help } = RECOGNIZER[recognizer];
  return html`<h2>Recognizer</h2>
    <p>${help}</p>
    ${
      heartbeat === null
        ? null
        : html`<dl class="facts">
          ${rows(heartbeat, missing).map(([term, value]) => html`<div key=${term}><dt>${term}</dt><dd>${value}</dd></div>`)}
        </dl>`
    }
    <button type="button" class="button" popovertarget="recognizer-help" popovertargetaction="hide">Close</button>`;
}

/**
 * @param {Heartbeat} heartbeat
 * @param {number} missing
 * @returns {[string, string][]}
 */
function rows(heartbeat, missing) {
  const { counters, settings } = heartbeat;
  const running = (Date.parse(heartbeat.sent_at) - Date.parse(heartbeat.started_at)) / 1000;
  const waiting = counters["events_queued"] ?? 0;
  const dropped = counters["events_dropped"] ?? 0;
  return [
    ["Video server", heartbeat.livekit],
    ["Cameras", counted(heartbeat.tracks.length, "track")],
    ["Running for", duration(Math.max(0, running))],
    ["Batches", String(counters["batches"] ?? 0)],
    ["Matches", String(counters["matches"] ?? 0)],
    ["Events waiting", dropped > 0 ? `${waiting} (${dropped} dropped)` : String(waiting)],
    ["Events missing", String(missing)],
    ["Processor", `${Math.round(heartbeat.cpu_ratio * 100)} % of a core`],
    [
      "Memory",
      `${megabytes(heartbeat.memory_bytes)} (${Math.round(heartbeat.memory_ratio * 100)} % of the limit in use)`,
    ],
    ["Cycle", `hold ${settings.hold_seconds} s, wait ${settings.wait_seconds} s`],
  ];
}
