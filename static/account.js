// @ts-check
/**
 * The corner of the page that knows about logins. Stands alone: without keys it asks once and shows nothing; with a
 * login that has ended it leads to where people sign in.
 */

/** @import { Invitation, Who } from "./net/login.js" */

import { ApiError } from "./net/api.js";
import { fetchWho, invite, signOut } from "./net/login.js";
import { Account } from "./view/account.js";
import { html, render } from "./view/preact.js";

const ASK_MS = 10_000;

const mount = document.getElementById("account");
/** @type {Who | null} */
let who = null;
/** @type {Invitation | null} */
let invitation = null;
let notice = "";
let busy = false;

function draw() {
  if (mount === null || who?.by !== "login") return;
  render(
    html`<${Account}
      who=${who}
      invitation=${invitation}
      notice=${notice}
      busy=${busy}
      onSignOut=${() => attempt(leave)}
      onInvite=${() => attempt(makeLink)}
      onCopy=${(/** @type {string} */ link) => attempt(() => copy(link))}
    />`,
    mount,
  );
}

async function leave() {
  await signOut();
  location.assign("/login");
}

async function makeLink() {
  invitation = await invite();
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

/** Asks who is signed in; while the server is away nothing changes. */
async function ask() {
  try {
    const found = await fetchWho();
    if (found === null) {
      location.replace("/login");
      return;
    }
    who = found;
  } catch {
    // away: the page says so elsewhere
  }
  draw();
  if (who === null || who.by === "login") setTimeout(() => void ask(), ASK_MS);
}

void ask();
