// @ts-check
/** The corner of the page that knows about logins; without keys it shows nothing. */

/** @import { Invitation } from "../net/login.js" */

import { ApiError } from "../net/api.js";
import { invite, signOut } from "../net/login.js";
import { Account } from "../view/account.js";
import { html, render } from "../view/preact.js";
import { offeredRooms } from "./offered-rooms.js";
import { signedIn } from "./signed-in.js";

const mount = document.getElementById("account");
/** @type {Invitation | null} */
let invitation = null;
let notice = "";
let busy = false;

function draw() {
  const { who } = signedIn;
  if (mount === null || who?.by !== "login") return;
  render(
    html`<${Account}
      who=${who}
      invitation=${invitation}
      notice=${notice}
      busy=${busy}
      onSignOut=${() => attempt(leave)}
      offer=${offeredRooms.offer}
      onInvite=${(/** @type {string} */ room) => attempt(() => makeLink(room))}
      onCopy=${(/** @type {string} */ link) => attempt(() => copy(link))}
    />`,
    mount,
  );
}

async function leave() {
  await signOut();
  location.assign("/login");
}

/** @param {string} room */
async function makeLink(room) {
  invitation = null; // another one may be refused
  invitation = await invite(room);
}

/** @param {string} link */
async function copy(link) {
  try {
    await navigator.clipboard.writeText(link);
    notice = "Copied.";
  } catch {
    notice = "The browser does not let the page copy. Select the link and copy it.";
  }
}

/** @param {() => Promise<void>} action */
async function attempt(action) {
  if (busy) return;
  busy = true;
  notice = "";
  draw();
  try {
    await action();
  } catch (error) {
    notice = error instanceof ApiError ? error.message : "Something went wrong. Try again.";
  }
  busy = false;
  draw();
}

signedIn.subscribe(draw);
offeredRooms.subscribe(draw);
