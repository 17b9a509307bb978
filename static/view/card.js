// @ts-check
/** One participant: the picture, the answer, how sure, and what the recognizer does next. */

/** @import { Card as CardModel, MatchEvent } from "../types/model.js" */
/** @import { Track } from "livekit-client" */
/** @typedef {import("./icons.js").IconName} IconName */

import { stateWord } from "../model/states.js";
import { ago, displayName, duration, fullTime } from "../model/text.js";
import { Media } from "./card-media.js";
import { Icon, stateIcon } from "./icons.js";
import { Menu } from "./menu.js";
import { Meter } from "./meter.js";
import { html, memo, useMemo } from "./preact.js";
import { Sentence } from "./sentence.js";

/** How long the box of a match stays over live video: it is a still of a moment that has passed. */
const BOX_MS = 6000;
/** The date may have become another. */
const DATE_MS = 15 * 60_000;

/** Why a camera that is there cannot be looked at. */
/** @type {Readonly<Partial<Record<import("../types/model.js").CardState, string>>>} */
const WHY_UNSEEN = {
  no_consent: "is looked at when they have agreed",
  not_compared: "is not looked at",
  encrypted: "only the others in the room have the key",
  denied: "kept from the recognizer by its owner",
  too_large: "more pixels than are looked at",
};

/** @typedef {(identity: string, name: string, room: string) => void} OfParticipant */
/**
 * What may be done about a participant.
 *
 * @typedef {{ bind: OfParticipant, release: OfParticipant, seenTo: OfParticipant, erase: OfParticipant }} Manage
 */
/**
 * @typedef {object} CardProps
 * @property {CardModel} card
 * @property {number} now recognizer's clock, whole seconds
 * @property {Track | null} track
 * @property {boolean} mirrored
 * @property {boolean} pinned
 * @property {boolean} withRoom their room is told, since others' are shown beside it
 * @property {(key: string) => void} onWatch the live video, large
 * @property {(key: string) => void} onPin
 * @property {(event: MatchEvent) => void} onEnlarge
 * @property {Manage | null} manage null: whoever looks may not
 */

/**
 * Every second says something else of it, so what says the same is a part of its own, which is not made again.
 *
 * @param {CardProps} props
 */
function View({ card, now, track, mirrored, pinned, withRoom, onEnlarge, onWatch, onPin, manage }) {
  const name = displayName(card.name, card.identity);
  return html`<li
    class="card"
    data-testid="card"
    data-key=${card.key}
    data-identity=${card.identity}
    data-state=${card.state}
    data-reason=${card.reason}
    data-phase=${card.phase}
    data-identity-state=${card.identityState}
    data-identity-tone=${card.identityTone}
    data-ended=${card.matchedAt === null ? null : "unseen"}
  >
    <${Media}
      cardKey=${card.key}
      video=${card.video}
      lastMatch=${card.lastMatch}
      fresh=${card.lastMatch !== null && now - Date.parse(card.lastMatch.timestamp) < BOX_MS}
      now=${Math.floor(now / DATE_MS) * DATE_MS}
      track=${track}
      mirrored=${mirrored}
      name=${name}
      onEnlarge=${onEnlarge}
      onWatch=${onWatch}
    />
    ${withRoom ? html`<${Room} room=${card.room} />` : null}
    <div class="card-body">
      <${Head}
        cardKey=${card.key}
        identity=${card.identity}
        room=${card.room}
        identityState=${card.identityState}
        bound=${card.bound}
        past=${card.past}
        local=${card.isLocal}
        name=${name}
        pinned=${pinned}
        onPin=${onPin}
        manage=${manage}
      />
      <p class="card-verdict">
        <${Answer}
          icon=${stateIcon(card.state, card.reason, card.identityTone)}
          word=${stateWord(card)}
          who=${card.who === "" ? "" : displayName(card.who)}
        />
        <${Ring} remaining=${card.remaining} duration=${card.duration} />
      </p>
      ${
        card.identityWords === ""
          ? null
          : html`<${IdentityLine} words=${card.identityWords} tone=${card.identityTone} />`
      }
      <${Meter}
        score=${card.score}
        distance=${card.distance}
        threshold=${card.threshold}
        matching=${card.lastKnown === "match"}
      />
      <p class="card-line" data-testid="card-phase">${doing(card, now)}</p>
      <${Checked} at=${card.lastCheckAt} words=${card.lastCheckAt === null ? "" : ago(card.lastCheckAt, now)} />
    </div>
  </li>`;
}

export const Card = memo(View);

/** @param {{ room: string }} props */
function RoomView({ room }) {
  return html`<p class="card-room"><bdi class="clip" translate=${false} title=${room}>${room}</bdi></p>`;
}

const Room = memo(RoomView);

/** @param {MenuProps & { local: boolean }} props */
function HeadView({ local, ...menu }) {
  const { name, identity, pinned, past, manage } = menu;
  return html`<div class="card-head">
    <h3 class="card-name" tabindex="-1" title=${nameTip(name, identity)}>
      <bdi class="clip" translate=${false}>${name}</bdi>
      ${local ? html`<span class="chip">you</span>` : null}
      ${pinned ? html`<span class="chip">pinned</span>` : null}
    </h3>
    ${past && manage === null ? null : html`<${CardMenu} ...${menu} />`}
  </div>`;
}

const Head = memo(HeadView);

/** @param {{ icon: IconName, word: string, who: string }} props */
function AnswerView({ icon, word, who }) {
  return html`<${Icon} name=${icon} size=${26} />
    <span class="card-answer">
      <span class="card-word" data-testid="card-state">${word}</span>
      ${
        who === ""
          ? null
          : html`<bdi class="card-who clip" translate=${false} title=${who} data-testid="card-who">${who}</bdi>`
      }
    </span>`;
}

const Answer = memo(AnswerView);

/** @param {{ words: string, tone: string }} props */
function IdentityLineView({ words, tone }) {
  return html`<p class="card-identity" data-tone=${tone} title=${words} data-testid="card-identity">
    <${Sentence} words=${words} />
  </p>`;
}

const IdentityLine = memo(IdentityLineView);

/** @param {{ at: number | null, words: string }} props words: how long ago that was */
function CheckedView({ at, words }) {
  const [datetime, title] = useMemo(() => (at === null ? ["", ""] : [new Date(at).toISOString(), fullTime(at)]), [at]);
  return html`<p class="card-line" data-testid="card-check">
    ${at === null ? "not checked yet" : html`<time datetime=${datetime} title=${title}>checked ${words}</time>`}
  </p>`;
}

const Checked = memo(CheckedView);

/**
 * What may be done about somebody.
 *
 * @typedef {object} MenuProps
 * @property {string} cardKey
 * @property {string} identity
 * @property {string} room
 * @property {string} identityState
 * @property {boolean} bound
 * @property {boolean} past
 * @property {string} name
 * @property {boolean} pinned
 * @property {(key: string) => void} onPin
 * @property {Manage | null} manage
 */

/** @param {MenuProps} props */
function CardMenu(props) {
  return html`<${Menu} label=${`More about ${props.name}`} items=${itemsOf(props)} />`;
}

/** @param {MenuProps} props */
function itemsOf({ cardKey: key, identity, room, identityState, bound, past, name, pinned, onPin, manage }) {
  const pin = { words: pinned ? "Unpin" : "Pin to the front", onChoose: () => onPin(key) };
  if (manage === null) return [pin];
  const { bind, release, seenTo, erase } = manage;
  const of = (/** @type {OfParticipant} */ action) => () => action(identity, name, room);
  const erasing = { words: "Erase this participant’s records…", onChoose: of(erase) };
  if (past) return [erasing];
  return [
    ...(identityState === "swapped" ? [{ words: "The changed face was seen to", onChoose: of(seenTo) }] : []),
    { words: bound ? "Supposed to be somebody else…" : "Supposed to be…", onChoose: of(bind) },
    ...(bound ? [{ words: "Supposed to be nobody", onChoose: of(release) }] : []),
    pin,
    erasing,
  ];
}

/**
 * @param {string} name as shown
 * @param {string} identity
 */
function nameTip(name, identity) {
  const shown = displayName(identity, name);
  return name === shown ? name : `${name} (${shown})`;
}

/**
 * What happens with them just now, in a few quiet words.
 *
 * @param {CardModel} card
 * @param {number} now
 * @returns {string}
 */
function doing(card, now) {
  if (card.matchedAt === null) return doingNow(card, now);
  const ended = `matched ${ago(card.matchedAt, now)}`;
  return card.reason === "left" ? ended : `${ended} · ${doingNow(card, now)}`;
}

/** @param {CardModel} card @param {number} now */
function doingNow(card, now) {
  if (card.reason !== "") return lastKnown(card);
  const why = WHY_UNSEEN[card.state];
  if (why !== undefined) return why;
  if (card.phase === "") return "no camera to look at";
  const seconds = card.matchSince === null ? 0 : Math.floor((now - card.matchSince) / 1000);
  const since = seconds < 2 ? "" : `matching for ${duration(seconds)} · `;
  const unlit = card.silent ? "its video does not arrive · " : "camera switched off · ";
  const known = card.state === "no_video" ? unlit : since;
  switch (card.phase) {
    case "hold":
    case "wait":
      return `${known}${card.remaining === null ? "next look soon" : `next look in ${card.remaining} s`}`;
    case "queued":
      return `${known}its turn comes next`;
    case "idle":
      return "waiting for a reference photo";
    default:
      return card.state === "looking" ? "first look" : `${known}looking again`;
  }
}

/** @param {CardModel} card */
function lastKnown(card) {
  if (card.lastCheckAt === null)
    return card.reason === "recognizer" ? "the recognizer does not see them" : "no answer yet";
  const word = stateWord({ ...card, state: card.lastKnown, reason: "" }).toLowerCase();
  return `last known: ${word}`;
}

/**
 * The countdown as a ring, whose circumference counts as 1, so that the dash offset is the elapsed fraction. Its
 * place is kept when there is nothing to count.
 *
 * @param {{ remaining: number | null, duration: number }} props
 */
function RingView({ remaining, duration: length }) {
  if (remaining === null || length <= 0) return html`<span class="ring" aria-hidden="true"></span>`;
  const left = Math.min(1, remaining / length);
  return html`<span class="ring" aria-hidden="true" data-testid="countdown">
    <svg viewBox="0 0 36 36" width="36" height="36">
      <circle class="ring-track" cx="18" cy="18" r="15" />
      <circle
        class="ring-left"
        cx="18"
        cy="18"
        r="15"
        pathLength="1"
        style=${{ strokeDashoffset: String(1 - left) }}
      />
    </svg>
    <span class="ring-figure" translate=${false}>${remaining}</span>
  </span>`;
}

const Ring = memo(RingView);
