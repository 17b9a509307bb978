// @ts-check
/** Who is signed in, with what they can do about it: sign out, and invite somebody to the room. */

/** @import { RoomsOffer } from "../model/rooms.js" */
/** @import { Invitation, Who } from "../net/login.js" */

import { displayName, fullTime } from "../model/text.js";
import { Icon } from "./icons.js";
import { InviteTo } from "./invite-to.js";
import { Obstacles } from "./obstacles.js";
import { html, useEffect, useRef } from "./preact.js";

const ROLES = { admin: "admin", viewer: "viewer", participant: "guest of the room", recognizer: "recognizer" };

/**
 * @param {object} props
 * @param {Who} props.who
 * @param {Invitation | null} props.invitation
 * @param {string} props.notice what came of the last thing that was pressed
 * @param {boolean} props.busy
 * @param {() => void} props.onSignOut
 * @param {RoomsOffer | null} props.offer rooms to invite to; null: there is one
 * @param {(room: string) => void} props.onInvite
 * @param {(link: string) => void} props.onCopy
 */
export function Account({ who, invitation, notice, busy, offer, onSignOut, onInvite, onCopy }) {
  const until = who.expires_at === null ? null : fullTime(Date.parse(who.expires_at));
  return html`<button type="button" class="pill pill-button" popovertarget="account-menu" data-testid="account">
      <span class="account-icon"><${Icon} name="person" /></span>
      <span class="account-name"><span class="visually-hidden">Signed in as </span><${Called} who=${who} /></span>
    </button>
    <div class="help account-menu" id="account-menu" popover="auto">
      <h2>Signed in as <${Called} who=${who} /></h2>
      ${until === null ? null : html`<p class="hint">Until ${until}, or until you sign out.</p>`}
      ${
        who.role === "participant"
          ? null
          : html`<p>Somebody else can join the room with a link. They see nothing of what is found there.</p>
            <${InviteTo} offer=${offer} words="Make a link" testid="make-link" again=${invitation !== null} busy=${busy} onInvite=${onInvite} />
            ${invitation === null ? null : html`<${Link} key=${invitation.url} invitation=${invitation} onCopy=${onCopy} />`}`
      }
      <p class="hint" role="status">${notice}</p>
      <button type="button" class="button" data-testid="sign-out" aria-disabled=${busy ? "true" : "false"} onClick=${onSignOut}>Sign out</button>
    </div>`;
}

/** @param {{ who: Who }} props by their own name, if they gave one, and what they may do */
function Called({ who }) {
  const role = ROLES[who.role];
  if (!who.name) return html`<span>${role}</span>`;
  return html`<span><bdi translate=${false}>${displayName(who.name)}</bdi><span>, ${role}</span></span>`;
}

/** @param {{ invitation: Invitation, onCopy: (link: string) => void }} props */
function Link({ invitation, onCopy }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const link = invitation.url;
  useEffect(() => field.current?.select(), []);
  return html`<label class="field">
      <span class="field-name"
        >Link to <bdi translate=${false}>${invitation.room}</bdi>, good until ${fullTime(Date.parse(invitation.expires_at))}</span
      >
      <input class="input" ref=${field} readonly value=${link} data-testid="invitation-link" />
    </label>
    <${Obstacles} invitation=${invitation} />
    <p><button type="button" class="button" onClick=${() => onCopy(link)}>Copy</button></p>`;
}
