// @ts-check
/** What whoever joins is to know before: who compares, why, how long anything is kept, whom to ask. */

/** @import { Notice } from "../net/api.js" */

import { html, memo } from "./preact.js";

/** @param {{ notice: Notice | null, trouble: string, joined: boolean }} props null: not known yet */
function View({ notice, trouble, joined }) {
  if (notice === null) {
    return html`<p class="hint" role="status" data-testid="notice-missing">
      ${trouble === "" ? "Asking what happens here…" : `What happens here cannot be told now: ${trouble}`}
    </p>`;
  }
  if (joined) {
    return html`<details class="guest-notice" data-testid="notice">
      <summary>What you were told before you joined</summary>
      <${Told} notice=${notice} />
    </details>`;
  }
  return html`<section class="guest-notice" data-testid="notice" aria-labelledby="notice-title">
    <h2 id="notice-title">Before you join</h2>
    <${Told} notice=${notice} />
  </section>`;
}

export const GuestNotice = memo(View);

/** @param {{ notice: Notice }} props */
function Told({ notice }) {
  const { operator, purpose, contact } = notice;
  return html`<dl>
    <dt>What happens</dt>
    <dd>${LOOKED}${notice.continuity ? html`${" "}${CONTINUITY}` : null}</dd>
    <dt>Who compares</dt>
    <dd>${operator === null ? NOBODY_SAYS : html`<bdi translate=${false}>${operator}</bdi>`}</dd>
    <dt>Why</dt>
    <dd>${purpose === null ? NO_PURPOSE : html`Faces are compared <bdi>${purpose}</bdi>.`}</dd>
    <dt>How long it is kept</dt>
    <dd>${keptWords(notice)}</dd>
    <dt>Who sees you</dt>
    <dd>${notice.guests_see_others ? EACH_OTHER : NO_OTHERS}${" "}${WATCHED}</dd>
    <dt>Whom to ask</dt>
    <dd>${contact === null ? "Whoever sent you the link: no contact is named here." : html`<${Contact} contact=${contact} />`}</dd>
  </dl>`;
}

const EACH_OTHER = "The others in the room see and hear you, and you them.";
const NO_OTHERS = "You and the other guests do not see each other.";
const LOOKED = "While your camera is on, its picture is compared every few seconds with photos of the people whom this room looks for, unless you join without that.";
const CONTINUITY = "It is also compared with the faces before your camera a moment ago, to notice another person.";
const WATCHED = "Whoever runs the room may watch it at any time without being seen in it; each time is recorded.";
const NOBODY_SAYS = "Whoever runs this server has not said who they are. Ask whoever sent you the link before you join.";
const NO_PURPOSE = "Not said. Ask whoever sent you the link.";

/** @param {Notice} notice */
function keptWords({ snapshots, snapshot_days: pictures, event_days: events, statistics_days: statistics }) {
  const picture = {
    none: "No picture is kept.",
    face: `Of a match, the matching face in the picture for ${days(pictures)}.`,
    frame: `Of a match, the whole picture for ${days(pictures)}.`,
  };
  return `${picture[snapshots]} How similar your face was, and when, for ${days(events)}; that you were here for ${days(statistics)}.`;
}

/** @param {number} count */
function days(count) {
  const shown = count >= 10 ? Math.round(count) : Math.round(count * 10) / 10;
  return shown === 1 ? "a day" : shown < 1 ? `${Math.max(1, Math.round(count * 24))} h` : `${shown} days`;
}

/** @param {{ contact: string }} props */
function Contact({ contact }) {
  const isMail = /^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$/.test(contact);
  const href = isMail ? `mailto:${contact}` : /^https:\/\/\S+$/.test(contact) ? contact : null;
  if (href === null) return html`<bdi>${contact}</bdi>`;
  return html`<a href=${href} rel="noreferrer" translate=${false}>${contact}</a>`;
}
