// @ts-check
/** Which room is shown, or every one. */

/** @import { From } from "../types/model.js" */

import { html } from "./preact.js";

/**
 * @param {object} props
 * @param {readonly string[]} props.rooms
 * @param {string} props.room the chosen one; "" for all
 * @param {(room: string) => void} props.onRoom
 */
export function RoomChoice({ rooms, room, onRoom }) {
  return html`<label class="tool">
    <span class="visually-hidden">Room</span>
    <select class="input" data-testid="history-room" value=${room} onChange=${(/** @type {From<HTMLSelectElement>} */ event) => onRoom(event.currentTarget.value)}>
      <option value="">Every room</option>
      ${rooms.map((one) => html`<option key=${one} value=${one} translate=${false}>${one}</option>`)}
    </select>
  </label>`;
}
