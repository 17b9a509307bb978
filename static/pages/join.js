// @ts-check
/** The page of somebody who was invited: joining the one room, and nothing of what is found there. */

import { Session } from "../room/session.js";
import { actionsOf, visitOf } from "../room/visit.js";
import { Join } from "../view/join.js";
import { html, render } from "../view/preact.js";
import { signedIn } from "./signed-in.js";
import { rememberName, rememberedName } from "./visitor.js";

const mount = /** @type {HTMLElement} */ (document.getElementById("join-content"));
const session = new Session(draw);
let suggestedName = rememberedName();
const actions = actionsOf(session, (name) => {
  suggestedName = name;
  rememberName(name);
});

function draw() {
  render(
    html`<${Join} ...${visitOf(session)} actions=${actions} watchedRoom=${signedIn.who?.room ?? ""} serverUrl="" suggestedName=${suggestedName} />`,
    mount,
  );
}

window.addEventListener("pagehide", () => session.leave());
draw();
void session.camera.list();
signedIn.subscribe(draw);
