// @ts-check
/** Who else is in the room, with their pictures: what somebody sees who was invited. */

/** @import { RoomParticipant } from "../types/model.js" */
/** @import { Track } from "livekit-client" */

import { displayName, initials } from "../model/text.js";
import { html } from "./preact.js";
import { LiveVideo } from "./video.js";

/** @param {{ participants: readonly RoomParticipant[], videoOf: (identity: string) => Track | null }} props */
export function Others({ participants, videoOf }) {
  if (participants.length === 0) {
    return html`<p class="quiet">Nobody else is in the room yet. They appear here when they join.</p>`;
  }
  return html`<ul class="others" data-testid="others">
    ${participants.map(
      (participant) => html`<${Other} key=${participant.identity} participant=${participant} track=${videoOf(participant.identity)} />`,
    )}
  </ul>`;
}

/** @param {{ participant: RoomParticipant, track: Track | null }} props */
function Other({ participant, track }) {
  const name = displayName(participant.name, participant.identity);
  const live = track !== null && participant.video !== "";
  return html`<li class="other" data-testid="other" data-identity=${participant.identity}>
    <div class=${live ? "picture" : "picture blank"}>
      ${
        live
          ? html`<${LiveVideo} key=${participant.video} track=${track} mirrored=${false} label=${`Live video of ${name}`} />`
          : html`<div class="picture-empty" aria-hidden="true">
            <span class="initials" translate=${false}>${initials(name)}</span>
          </div>`
      }
    </div>
    <p class="other-name">
      <bdi class="clip" translate=${false} title=${name}>${name}</bdi>
      ${live ? null : html`<span class="chip">no camera</span>`}
    </p>
  </li>`;
}
