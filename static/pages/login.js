// @ts-check
/**
 * Signing in with a key, or with an invitation: its token stands after the # of the address, where no server, log
 * or other page sees it, and is taken out of the address as soon as it is read. A page whose login has ended says there
 * why.
 */

import { ENDINGS, isEnding } from "../model/ending.js";
import { ApiError } from "../net/api.js";
import { fetchWho, signIn } from "../net/login.js";

const INVITATION = /^invite-[\w-]{20,}$/;
const OWN_ADDRESS = /^local-[\w-]+$/;
const NOT_WHOLE = "This link is not whole. Copy all of it, or ask for it again.";

const form = /** @type {HTMLFormElement} */ (element("sign-in"));
const key = /** @type {HTMLInputElement} */ (element("key"));
const name = /** @type {HTMLInputElement} */ (element("name"));
const show = /** @type {HTMLInputElement} */ (element("show"));
const submit = /** @type {HTMLButtonElement} */ (element("submit"));
const accept = /** @type {HTMLButtonElement} */ (element("accept"));

let invitation = "";

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void enter({ key: key.value.trim(), name: name.value }, submit, element("trouble")).then((done) => {
    if (done) return;
    const wrong = name.value.trim() === "" ? name : key;
    wrong.setAttribute("aria-invalid", "true");
    wrong.focus();
    wrong.select();
  });
});
for (const field of [name, key]) field.addEventListener("input", () => field.removeAttribute("aria-invalid"));
show.addEventListener("change", () => {
  key.type = show.checked ? "text" : "password";
});

accept.addEventListener("click", async () => {
  if (!(await enter({ invitation }, accept, element("invitation-trouble")))) form.hidden = false;
});
window.addEventListener("hashchange", read); // a link that is pasted into this page while it is open
read();

/** Takes what the address says, and shows what fits it. */
function read() {
  const said = location.hash.slice(1);
  if (said !== "") history.replaceState(null, "", location.pathname);
  if (INVITATION.test(said)) {
    invitation = said;
    form.hidden = true;
    element("invitation").hidden = false;
    element("invitation-trouble").textContent = "";
    document.title = "Invitation – Face Match";
    accept.focus();
    return;
  }
  if (OWN_ADDRESS.test(said)) {
    void enter({ key: said }, submit, element("trouble"));
    return;
  }
  if (isEnding(said)) element("ending").textContent = ENDINGS[said];
  else if (said.startsWith("invite")) element("trouble").textContent = NOT_WHOLE;
  if (invitation !== "") return;
  (name.value === "" ? name : key).focus();
  void goOnWhenSignedIn();
}

/** Somebody who followed a link to here from elsewhere may be signed in: only our own pages' requests tell. */
async function goOnWhenSignedIn() {
  const who = await fetchWho().catch(() => null);
  if (who !== null) location.replace("/");
}

/**
 * @param {{ key: string, name?: string } | { invitation: string }} proof
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
