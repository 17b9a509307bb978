// @ts-check
/** The page of somebody who was invited: joining the one room, and nothing of what is found there. */

/** @import { JoinActions } from "./view/join.js" */

import { fetchWho } from "./net/login.js";
import { Session } from "./room/session.js";
import { Join } from "./view/join.js";
import { html, render } from "./view/preact.js";
import { rememberName, rememberedName } from "./visitor.js";

const mount = /** @type {HTMLElement} */ (document.getElementById("join-content"));
const session = new Session(draw);
let room = "";
let suggestedName = rememberedName();

/** @type {JoinActions} */
const actions = {
  preview: () => void session.preview(),
  stopPreview: () => session.camera.stop(),
  chooseCamera: (id) => void session.chooseCamera(id),
  join: (chosen, name, withCamera) => {
    suggestedName = name;
    rememberName(name);
    void session.join(chosen, name, { withCamera });
  },
  leave: () => session.leave(),
  toggleCamera: () => void session.toggleCamera(),
  toggleMicrophone: () => void session.toggleMicrophone(),
  toggleSound: () => session.toggleSound(),
};

function draw() {
  const { camera } = session;
  render(
    html`<${Join}
      phase=${session.phase}
      room=${session.room}
      identity=${session.identity}
      trouble=${session.trouble}
      troubleWith=${session.troubleWith}
      busy=${session.busy}
      cameraOn=${camera.on}
      microphoneOn=${session.microphoneOn}
      soundOn=${session.sound.on}
      track=${camera.track}
      mirrored=${camera.mirrored}
      cameras=${camera.choices}
      camera=${camera.chosen}
      actions=${actions}
      watchedRoom=${room}
      serverUrl=""
      suggestedName=${suggestedName}
    />`,
    mount,
  );
}

window.addEventListener("pagehide", () => session.leave());
draw();
void session.camera.list();
void fetchWho()
  .catch(() => null)
  .then((who) => {
    room = who?.room ?? "";
    draw();
  });
