// @ts-check
/** Watching the room without joining it: a button, and what it means. */

import { Icon } from "./icons.js";
import { html, memo } from "./preact.js";

/**
 * @param {object} props
 * @param {"off" | "starting" | "on" | "returning"} props.phase
 * @param {string} props.room
 * @param {string} props.trouble
 * @param {() => void} props.onToggle
 */
function View({ phase, room, trouble, onToggle }) {
  const on = phase !== "off";
  return html`<div class="watch" data-testid="watch" data-phase=${phase}>
    <button type="button" class="button small" data-testid="watch-button" aria-describedby="watch-words" onClick=${onToggle}>
      <${Icon} name="camera" size=${18} />${on ? "Stop watching" : "Watch"}
    </button>
    <p class="hint watch-words" id="watch-words" role="status">
      ${phase === "on" ? html`You watch <bdi translate=${false}>${room}</bdi>. ${UNSEEN}` : WORDS[phase]}
    </p>
    <p class="verdict" data-tone="bad" role="alert" data-testid="watch-trouble" hidden=${trouble === ""}>
      ${trouble === "" ? null : html`<${Icon} name="error" /><span>${trouble}</span>`}
    </p>
  </div>`;
}

const UNSEEN = "Nobody there sees you; that you watch is kept in the log.";

const WORDS = {
  off: `See the room’s videos without joining. ${UNSEEN}`,
  starting: "Connecting…",
  returning: "The room was lost; coming back by itself…",
};

export const Watch = memo(View);
