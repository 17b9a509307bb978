// @ts-check
/** New alarms told beyond the page: a sound and a notification, each only if somebody asked for it in this browser. */

/** @import { Alarm } from "../model/alarms.js" */

import { alarmKey, alarmWords, heardOf, unheard } from "../model/alarms.js";
import { html, render } from "../view/preact.js";
import { TellChoice } from "../view/tell-choice.js";
import { operatorName, rememberOperator } from "./operator.js";
import { signedIn } from "./signed-in.js";

const SOUND = "face-match.sound";
const NOTIFY = "face-match.notify";
const ON = "on";
/** Two tones, Hz, one after the other. */
const TONES = [880, 660];
const TONE_SECONDS = 0.18;
const LOUD = 0.2;

export class Telling {
  #mount;
  /** @type {AudioContext | null} */
  #audio = null;
  #sound = remembered(SOUND);
  #notify = remembered(NOTIFY);
  #refused = "";
  /** @type {ReadonlySet<string> | null} null: nothing is known yet, and what there is then is not new */
  #heard = null;

  /** @param {HTMLElement} mount */
  constructor(mount) {
    this.#mount = mount;
    // A browser lets a page sound only after something was pressed on it.
    for (const kind of ["click", "keydown"]) {
      document.addEventListener(kind, () => queueMicrotask(() => this.#wake()), { passive: true });
    }
    signedIn.subscribe(() => this.draw());
    this.draw();
  }

  /** @param {readonly Alarm[]} alarms that are open */
  hear(alarms) {
    const fresh = this.#heard === null ? [] : unheard(alarms, this.#heard);
    this.#heard = new Set([...(this.#heard ?? []), ...heardOf(alarms)]);
    if (fresh.length === 0) return;
    if (this.#sound) this.#ring();
    if (this.#notify && !document.hasFocus()) for (const alarm of fresh) show(alarm);
  }

  draw() {
    const blocked = this.#sound && this.#audio?.state !== "running";
    render(
      html`<${TellChoice}
        sound=${this.#sound}
        notify=${this.#notify}
        trouble=${this.#refused}
        blocked=${blocked}
        onSound=${this.#onSound}
        onNotify=${this.#onNotify}
        name=${signedIn.who?.by === "local" ? operatorName() : null}
        onName=${rememberOperator}
      />`,
      this.#mount,
    );
  }

  #onSound = (/** @type {boolean} */ on) => {
    this.#sound = on;
    remember(SOUND, on);
    this.draw();
    if (on) void this.#wake().then(() => this.#ring());
  };

  #onNotify = async (/** @type {boolean} */ on) => {
    this.#refused = "";
    if (on && !("Notification" in window)) this.#refused = "This browser has no notifications.";
    else if (on && (await Notification.requestPermission()) !== "granted") {
      this.#refused = "The browser does not allow notifications here. Its settings for this page say why.";
    }
    this.#notify = on && this.#refused === "";
    remember(NOTIFY, this.#notify);
    this.draw();
  };

  async #wake() {
    if (!this.#sound || this.#audio?.state === "running" || !navigator.userActivation.hasBeenActive) return;
    this.#audio ??= new AudioContext();
    await this.#audio.resume().catch(() => undefined); // it stays blocked, which is said
    this.draw();
  }

  #ring() {
    const audio = this.#audio;
    if (audio?.state !== "running") return;
    TONES.forEach((frequency, index) => {
      const tone = new OscillatorNode(audio, { frequency });
      tone.connect(new GainNode(audio, { gain: LOUD })).connect(audio.destination);
      tone.start(audio.currentTime + index * TONE_SECONDS);
      tone.stop(audio.currentTime + (index + 1) * TONE_SECONDS);
    });
  }
}

/** @param {Alarm} alarm once, however many pages are open */
function show(alarm) {
  try {
    const shown = new Notification("Face Match", { body: alarmWords(alarm), tag: alarmKey(alarm) });
    shown.onclick = () => window.focus();
  } catch {
    // a phone's browser, which lets only installed pages do so
  }
}

/** @param {string} key */
function remembered(key) {
  try {
    return localStorage.getItem(key) === ON;
  } catch {
    return false; // storage is denied
  }
}

/** @param {string} key @param {boolean} on */
function remember(key, on) {
  try {
    if (on) localStorage.setItem(key, ON);
    else localStorage.removeItem(key);
  } catch {
    // storage is denied: for this visit only
  }
}
