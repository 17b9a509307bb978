// @ts-check
/** The page of somebody who was invited: joining the one room and seeing who is there, but nothing of what is found. */

import { ApiError, fetchNotice } from "../net/api.js";
import { Session } from "../room/session.js";
import { actionsOf, visitOf } from "../room/visit.js";
import { keepFocus } from "../view/focus.js";
import { Join } from "../view/join.js";
import { GuestNotice } from "../view/notice.js";
import { Others } from "../view/others.js";
import { html, render } from "../view/preact.js";
import "./account.js";
import { leaveWhenOthersSignIn, signedIn } from "./signed-in.js";
import { rememberName, rememberedName } from "./visitor.js";

const mount = /** @type {HTMLElement} */ (document.getElementById("join-content"));
const others = /** @type {HTMLElement} */ (document.getElementById("others"));
const othersMount = /** @type {HTMLElement} */ (document.getElementById("others-content"));
const noticeMount = /** @type {HTMLElement} */ (document.getElementById("notice-content"));
const NOTICE_RETRY_MS = 3000;
/** @type {import("../net/api.js").Notice | null} */
let notice = null;
let noticeTrouble = "";
const session = new Session(draw);
let suggestedName = rememberedName();
const videoOf = (/** @type {string} */ identity) => session.videoOf(identity);
const actions = actionsOf(session, (name) => {
  suggestedName = name;
  rememberName(name);
});

function draw() {
  render(
    html`<${Join} ...${visitOf(session)} actions=${actions} watchedRoom=${signedIn.who?.room ?? ""} offer=${null} roomGiven serverUrl="" suggestedName=${suggestedName} consentRequired=${signedIn.who?.consent_required ?? false} />`,
    mount,
  );
  const inside = session.phase === "in" || session.phase === "returning";
  render(html`<${GuestNotice} notice=${notice} trouble=${noticeTrouble} joined=${inside} />`, noticeMount);
  mount.hidden = notice === null; // nobody is asked for a camera before they could know
  others.hidden = !inside || notice?.guests_see_others === false;
  const participants = session.participants().filter((participant) => !participant.isLocal);
  render(html`<${Others} participants=${participants} videoOf=${videoOf} />`, othersMount);
}

async function tell() {
  try {
    notice = await fetchNotice();
  } catch (error) {
    noticeTrouble = error instanceof ApiError ? error.message : "Reload the page.";
    setTimeout(() => void tell(), NOTICE_RETRY_MS);
  }
  draw();
}

keepFocus();
window.addEventListener("pagehide", () => session.leave());
draw();
void tell();
void session.camera.list();
signedIn.subscribe(draw);
leaveWhenOthersSignIn(true);
