// @ts-check
/** The question before something is erased, and the receipt after it. */

/** @import { Receipt } from "../net/erase.js" */

import { counted, fullTime } from "../model/text.js";
import { Icon } from "./icons.js";
import { html } from "./preact.js";

/**
 * Whose records, or the reference.
 *
 * @typedef {{ kind: "participant", identity: string, name: string } | { kind: "reference" }
 *   | { kind: "person", id: string, name: string, photos: number }} Subject
 */

/**
 * @typedef {object} EraseProps
 * @property {Subject} subject
 * @property {boolean} busy
 * @property {Receipt | null} receipt
 * @property {string} sentence why it did not work; "" when it did, or has not been tried
 * @property {() => void} onConfirm
 * @property {() => void} onClose
 */

/** @param {EraseProps} props */
export function Erase({ subject, busy, receipt, sentence, onConfirm, onClose }) {
  return html`<div class="erase-content" data-testid="erase" data-state=${receipt ? "done" : busy ? "busy" : "asked"}>
    <h2 id="erase-title">
      <${Question} subject=${subject} />
    </h2>
    ${receipt === null ? html`<${Consequences} subject=${subject} />` : null}
    <div role="status">
      ${busy ? html`<p class="quiet">Erasing…</p>` : null}
      ${receipt === null ? null : html`<${Outcome} subject=${subject} receipt=${receipt} />`}
    </div>
    ${
      sentence === ""
        ? null
        : html`<p class="verdict" data-tone="bad" role="alert" data-testid="erase-trouble">
          <${Icon} name="error" /><span>${sentence}</span>
        </p>`
    }
    <div class="erase-actions">
      <button type="button" class="button" autofocus data-testid="erase-close" onClick=${onClose}>
        ${receipt === null ? "Cancel" : "Close"}
      </button>
      ${
        receipt === null
          ? html`<button
            type="button"
            class="button danger"
            aria-disabled=${busy ? "true" : "false"}
            data-testid="erase-confirm"
            onClick=${onConfirm}
          >
            ${subject.kind === "reference" ? "Remove it" : "Erase them"}
          </button>`
          : null
      }
    </div>
  </div>`;
}

/** @param {{ subject: Subject }} props */
function Question({ subject }) {
  if (subject.kind === "reference") return html`<span>Remove the reference?</span>`;
  const name = html`<bdi translate=${false}>${subject.name}</bdi>`;
  return subject.kind === "person"
    ? html`<span>Erase ${name}?</span>`
    : html`<span>Erase the records of ${name}?</span>`;
}

/** @param {{ subject: Subject }} props */
function Consequences({ subject }) {
  if (subject.kind === "person") {
    return html`<ul class="erase-list">
        <li>${counted(subject.photos, "photo")}, and what was computed from them</li>
        <li>every match that names them, and every snapshot that they are in</li>
        <li>their name in every other look</li>
      </ul>
      <p class="quiet">
        It cannot be undone. The very same photos are refused from then on. Logs, backups and what was already sent to
        others keep what they hold.
      </p>`;
  }
  if (subject.kind === "reference") {
    return html`<p>This is erased:</p>
      <ul class="erase-list">
        <li>the photo, and what the recognizer computed from it</li>
        <li>every event made with it, of everybody, in the log and on its way</li>
        <li>every snapshot taken with it</li>
      </ul>
      <p>From then on nobody is looked for until a photo is added.</p>
      <p class="quiet">
        It cannot be undone. Logs, backups and what was already sent to others keep what they hold.
      </p>`;
  }
  return html`<ul class="erase-list">
      <li>every event of this participant, in the log and on its way</li>
      <li>every snapshot taken of them</li>
    </ul>
    <p class="quiet">
      It cannot be undone. If they are still on camera, new events begin at once: have them leave first. Logs, backups
      and what was already sent to others keep what they hold.
    </p>`;
}

/** @param {{ subject: Subject, receipt: Receipt }} props */
function Outcome({ subject, receipt }) {
  const away =
    subject.kind !== "participant"
      ? "The recognizer has not confirmed yet. It forgets the face, and what it still holds, as soon as it is back."
      : "The recognizer does not answer. What it still holds is erased as soon as it is back.";
  return html`<p class="verdict" data-tone=${receipt.recognizer === "done" ? "good" : "warn"} data-testid="erase-receipt">
      <${Icon} name=${receipt.recognizer === "done" ? "match" : "info"} />
      <span>
        ${subject.kind === "reference" ? removed(receipt) : `Erased: ${amount(receipt)}.`}
        ${receipt.recognizer === "done" ? "" : ` ${away}`}
      </span>
    </p>
    <p class="quiet">Receipt <span translate=${false}>${receipt.receipt_id}</span>, ${fullTime(Date.parse(receipt.at))}</p>`;
}

/** @param {Receipt} receipt the photo itself goes without saying */
function removed(receipt) {
  const { events, snapshots, undelivered_events: undelivered } = receipt;
  return events + snapshots + (undelivered ?? 0) === 0 ? "Removed." : `Removed: ${amount(receipt)}.`;
}

/** @param {Receipt} receipt */
function amount({ events, snapshots, undelivered_events: undelivered }) {
  const all = events + (undelivered ?? 0);
  return `${counted(all, "event")} and ${counted(snapshots, "snapshot")}`;
}
