// @ts-check
/**
 * Signing in with a key, or with an invitation: its token stands after the # of the address, where no server, log
 * or other page sees it, and is taken out of the address as soon as it is read.
 */

import { ApiError } from "../net/api.js";
import { fetchWho, signIn } from "../net/login.js";

const INVITATION = /^#(invite-[\w-]+)$/;
const OWN_ADDRESS = /^#(local-[\w-]+)$/;

const form = /** @type {HTMLFormElement} */ (element("sign-in"));
const key = /** @type {HTMLInputElement} */ (element("key"));
const show = /** @type {HTMLInputElement} */ (element("show"));
const submit = /** @type {HTMLButtonElement} */ (element("submit"));
const accept = /** @type {HTMLButtonElement} */ (element("accept"));

const invitation = INVITATION.exec(location.hash)?.[1] ?? null;
const printed = OWN_ADDRESS.exec(location.hash)?.[1] ?? null;
if (location.hash !== "") history.replaceState(null, "", location.pathname);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void enter({ key: key.value.trim() }, submit, element("trouble")).then((done) => {
    if (done) return;
    key.setAttribute("aria-invalid", "true");
    key.focus();
    key.select();
  });
});
key.addEventListener("input", () => key.removeAttribute("aria-invalid"));
show.addEventListener("change", () => {
  key.type = show.checked ? "text" : "password";
});

if (printed !== null) {
  void enter({ key: printed }, submit, element("trouble"));
} else if (invitation === null) {
  key.focus();
  void goOnWhenSignedIn();
} else {
  form.hidden = true;
  element("invitation").hidden = false;
  document.title = "Invitation – Face Match";
  accept.focus();
  accept.addEventListener("click", async () => {
    if (!(await enter({ invitation }, accept, element("invitation-trouble")))) form.hidden = false;
  });
}

/** Somebody who followed a link to here from elsewhere may be signed in: only our own pages' requests tell. */
async function goOnWhenSignedIn() {
  const who = await fetchWho().catch(() => null);
  if (who !== null) location.replace("/");
}

/**
 * @param {{ key: string } | { invitation: string }} proof
 * @param {HTMLButtonElement} button waits meanwhile
 * @param {HTMLElement} trouble says what is wrong
 * @returns {Promise<boolean>} whether it worked
 */
async function enter(proof, button, trouble) {
  trouble.textContent = "";
  button.disabled = true;
  try {
    await signIn(proof);
  } catch (error) {
    trouble.textContent = error instanceof ApiError ? error.message : "Something went wrong. Try again.";
    return false;
  } finally {
    button.disabled = false;
  }
  key.value = "";
  location.replace("/");
  return true;
}

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}
