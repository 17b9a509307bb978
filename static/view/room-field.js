// @ts-check
/** Which room: one of those that are known now, or another name that is watched, which the server knows. */

/** @import { From } from "../types/model.js" */

import { html } from "./preact.js";

/**
 * @param {object} props
 * @param {string} props.testid
 * @param {readonly string[]} props.rooms
 * @param {string} props.room
 * @param {boolean} [props.given] no other can be chosen
 * @param {(room: string) => void} props.onRoom
 */
export function RoomField({ testid, rooms, room, given = false, onRoom }) {
  return html`<label class="field">
    <span class="field-name">Room</span>
    <input
      class="input"
      name="room"
      data-testid=${testid}
      list=${rooms.length === 0 ? null : `${testid}-offered`}
      readonly=${given}
      required
      maxlength="128"
      value=${room}
      onInput=${(/** @type {From<HTMLInputElement>} */ event) => onRoom(event.currentTarget.value)}
    />
    <datalist id=${`${testid}-offered`}>${rooms.map((one) => html`<option key=${one} value=${one}></option>`)}</datalist>
  </label>`;
}
