// @ts-check
/** Who else is in the room, with their pictures: what somebody sees who was invited. */

/** @import { RoomPerson } from "../types/model.js" */
/** @import { Track } from "livekit-client" */

import { displayName, initials } from "../model/text.js";
import { html } from "./preact.js";
import { LiveVideo } from "./video.js";

/** @param {{ people: readonly RoomPerson[], videoOf: (identity: string) => Track | null }} props */
export function Others({ people, videoOf }) {
  if (people.length === 0) {
    return html`<p class="quiet">Nobody else is in the room yet. They appear here when they join.</p>`;
  }
  return html`<ul class="others" data-testid="others">
    ${people.map(
      (person) => html`<${Other} key=${person.identity} person=${person} track=${videoOf(person.identity)} />`,
    )}
  </ul>`;
}

/** @param {{ person: RoomPerson, track: Track | null }} props */
function Other({ person, track }) {
  const name = displayName(person.name, person.identity);
  const live = track !== null && person.video !== "";
  return html`<li class="other" data-testid="other" data-identity=${person.identity}>
    <div class=${live ? "picture" : "picture blank"}>
      ${
        live
          ? html`<${LiveVideo} key=${person.video} track=${track} mirrored=${false} label=${`Live video of ${name}`} />`
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
