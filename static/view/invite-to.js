// @ts-check
/** The button that makes a link; where several rooms may be watched, beside the room that it leads to. */

/** @import { RoomsOffer } from "../model/rooms.js" */

import { html, useState } from "./preact.js";
import { RoomField } from "./room-field.js";

/**
 * @param {object} props
 * @param {RoomsOffer | null} props.offer null: there is one room
 * @param {string} props.words on the button
 * @param {string} props.testid of the button
 * @param {boolean} props.again a link was made
 * @param {boolean} props.busy
 * @param {(room: string) => void} props.onInvite "": to the one room
 */
export function InviteTo({ offer, words, testid, again, busy, onInvite }) {
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  if (offer === null && again) return null;
  const room = typed ?? offer?.room ?? "";
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (!busy) onInvite(room.trim());
  };
  return html`<form class="invite-to" autocomplete="off" onSubmit=${submit}>
    ${offer === null ? null : html`<${RoomField} testid=${`${testid}-room`} rooms=${offer.rooms} room=${room} onRoom=${setTyped} />`}
    <button type="submit" class="button small" data-testid=${testid} aria-disabled=${busy ? "true" : "false"}>${words}</button>
  </form>`;
}
