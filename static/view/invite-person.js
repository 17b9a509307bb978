// @ts-check
/** A link to the room for somebody who is enrolled: whoever follows it is supposed to be them. */

/** @import { RoomsOffer } from "../model/rooms.js" */
/** @import { Invitation } from "../net/login.js" */

import { fullTime } from "../model/text.js";
import { invite } from "../net/login.js";
import { Trouble, told } from "./answer.js";
import { InviteTo } from "./invite-to.js";
import { Obstacles } from "./obstacles.js";
import { html, useEffect, useRef, useState } from "./preact.js";

/** @param {{ id: string, offer: RoomsOffer | null }} props id: of the person; offer: of rooms, null: there is one */
export function InvitePerson({ id, offer }) {
  const [invitation, setInvitation] = useState(/** @type {Invitation | null} */ (null));
  const [said, setSaid] = useState({ trouble: "", notice: "" });
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => field.current?.select(), [invitation]);

  const make = async (/** @type {string} */ room) => {
    setSaid({ trouble: "", notice: "" });
    try {
      setInvitation(await invite(room, id));
    } catch (error) {
      setSaid({ trouble: told(error).message, notice: "" });
    }
  };
  const link = invitation?.url ?? "";
  const copy = async () => {
    // Missing where the page is not from https or localhost.
    const clipboard = /** @type {Clipboard | undefined} */ (navigator.clipboard);
    const done = await clipboard?.writeText(link).then(
      () => true,
      () => false,
    );
    const notice = done === true ? "Copied." : "The browser does not let the page copy. Select the link and copy it.";
    setSaid({ trouble: "", notice });
  };

  const to = html`<${InviteTo} offer=${offer} words="Invite" testid="invite-person" again=${invitation !== null} busy=${false} onInvite=${(/** @type {string} */ room) => void make(room)} />
    <${Trouble} words=${said.trouble} />`;
  if (invitation === null) return to;
  return html`${to}<div class="person-invitation">
    <label class="field">
      <span class="field-name">
        Link to <bdi translate=${false}>${invitation.room}</bdi>, good until ${fullTime(Date.parse(invitation.expires_at))}.
        Whoever joins with it is supposed to be this person, and their card says whether they are.
      </span>
      <input class="input" ref=${field} readonly value=${link} data-testid="person-invitation" />
    </label>
    <${Obstacles} invitation=${invitation} />
    <button type="button" class="button small" onClick=${() => void copy()}>Copy</button>
    <span class="quiet" role="status">${said.notice}</span>
  </div>`;
}
