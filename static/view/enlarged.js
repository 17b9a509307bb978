// @ts-check
/** A live picture as large as the window, and what is known of whoever is on it. */

/** @import { Card } from "../types/model.js" */
/** @import { Track } from "livekit-client" */

import { answerWords } from "../model/summary.js";
import { displayName } from "../model/text.js";
import { Icon, stateIcon } from "./icons.js";
import { html } from "./preact.js";
import { Sentence } from "./sentence.js";
import { LiveVideo } from "./video.js";

/** @param {{ card: Card, track: Track | null, mirrored: boolean, onClose: () => void }} props */
export function Enlarged({ card, track, mirrored, onClose }) {
  const name = displayName(card.name, card.identity);
  return html`<div class="viewer-content" data-testid="enlarged" data-state=${card.state}>
    <div class="viewer-head">
      <h2 class="clip" id="enlarged-title"><bdi translate=${false}>${name}</bdi></h2>
      <button type="button" class="icon-button" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
    </div>
    <div class="picture viewer-picture">
      ${
        track === null
          ? html`<div class="picture-empty"><span>No video arrives just now.</span></div>`
          : html`<${LiveVideo} key=${card.video} track=${track} mirrored=${mirrored} label=${`Live video of ${name}`} />`
      }
    </div>
    <p class="viewer-foot verdict" data-tone=${card.identityTone === "bad" ? "bad" : card.state === "match" ? "good" : ""}>
      <${Icon} name=${stateIcon(card.state, card.reason, card.identityTone)} /><${Sentence} words=${answerWords(card)} />
    </p>
  </div>`;
}
