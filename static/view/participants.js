// @ts-check
/** The participants area: the one answer in large letters, what to do first, and a card for everybody. */

/** @import { Rights } from "../model/rights.js" */
/** @import { Card as CardModel, MatchEvent } from "../types/model.js" */
/** @typedef {import("./card.js").Manage} Manage */
/** @import { Track } from "livekit-client" */
/** @typedef {import("../model/summary.js").Summary} SummaryModel */

import { Card } from "./card.js";
import { ANSWER_ICONS, Icon } from "./icons.js";
import { html, useState } from "./preact.js";
import { Steps } from "./steps.js";

/** With more cards than this each becomes smaller. */
const ROOMY = 6;
/** With more than this most are out of sight. */
const CROWD = 24;

/** @param {{ summary: SummaryModel }} props */
function SummaryView({ summary }) {
  return html`<div class="answer" data-testid="answer" data-kind=${summary.kind}>
    <span class="answer-icon"><${Icon} name=${ANSWER_ICONS[summary.kind]} size=${40} /></span>
    <div class="answer-words">
      <p class="answer-title clip" title=${summary.title}>
        ${
          summary.kind === "match"
            ? html`<span class="answer-prefix">Match </span><bdi translate=${false}>${summary.title}</bdi>`
            : summary.title
        }
      </p>
      <p class="answer-detail clip"><${Detail} ...${summary} /></p>
    </div>
  </div>`;
}

/** @param {SummaryModel} summary */
function Detail({ kind, detail, who }) {
  if (who === "") return html`<span>${detail}</span>`;
  const names = html`<bdi translate=${false}>${who}</bdi>`;
  if (kind !== "match") return html`<span>${detail} ${names}</span>`;
  return html`<span>${names}${detail === "" ? "" : `, ${detail}`}</span>`;
}

/**
 * @typedef {object} ParticipantsProps
 * @property {SummaryModel} summary
 * @property {readonly CardModel[]} cards
 * @property {number} now
 * @property {boolean} loading
 * @property {boolean} showSteps
 * @property {boolean} hasReference
 * @property {Rights} rights
 * @property {boolean} canInvite
 * @property {boolean} joined
 * @property {(identity: string) => Track | null} videoOf
 * @property {boolean} mirrored
 * @property {(event: MatchEvent) => void} onEnlarge
 * @property {Manage | null} manage null: whoever looks may not
 */

/** @param {ParticipantsProps} props */
export function Participants({
  summary,
  loading,
  showSteps,
  hasReference,
  rights,
  canInvite,
  joined,
  cards,
  now,
  videoOf,
  mirrored,
  onEnlarge,
  manage,
}) {
  const [matchesOnly, setMatchesOnly] = useState(false);
  const shared = { now, videoOf, mirrored, onEnlarge, manage };
  const here = cards.filter((card) => !card.past);
  const many = here.length > ROOMY;
  const shown = many && matchesOnly ? here.filter((card) => card.state === "match") : here;
  return html`<${SummaryView} summary=${summary} />
    ${
      showSteps
        ? html`<${Steps}
          hasReference=${hasReference}
          rights=${rights}
          canInvite=${canInvite}
          joined=${joined}
          hasParticipants=${cards.some((card) => card.state !== "offline")}
        />`
        : null
    }
    ${
      loading
        ? html`<ul class="cards" aria-hidden="true">
          ${[0, 1].map((index) => html`<li class="card skeleton" key=${index}></li>`)}
        </ul>`
        : html`${
            many
              ? html`<button
                type="button"
                class="button small participants-filter"
                aria-pressed=${matchesOnly ? "true" : "false"}
                onClick=${() => setMatchesOnly(!matchesOnly)}
              >
                <${Icon} name="match" size=${18} />Matches only
              </button>`
              : null
          }
          <${Cards} cards=${shown} dense=${many} ...${shared} />
          <${Past} cards=${cards.filter((card) => card.past)} ...${shared} />`
    }`;
}

/** @typedef {Pick<ParticipantsProps, "cards" | "now" | "videoOf" | "mirrored" | "onEnlarge" | "manage">} CardsProps */

/** @param {CardsProps & { dense: boolean }} props */
function Cards({ cards, dense, now, videoOf, mirrored, onEnlarge, manage }) {
  return html`<ul
    class="cards"
    data-testid="cards"
    data-dense=${dense ? "yes" : "no"}
    data-crowd=${cards.length > CROWD ? "yes" : "no"}
  >
    ${cards.map(
      (card) =>
        html`<${Card}
          key=${card.identity}
          card=${card}
          now=${now}
          track=${card.video === "" ? null : videoOf(card.identity)}
          mirrored=${card.isLocal && mirrored}
          onEnlarge=${onEnlarge}
          manage=${manage}
        />`,
    )}
  </ul>`;
}

/**
 * Those who have left, out of the way of those who are here.
 *
 * @param {CardsProps} props
 */
function Past({ cards, now, onEnlarge, manage }) {
  if (cards.length === 0) return null;
  return html`<h3 class="past-title">Left</h3>
    <ul class="past" data-testid="past">
      ${cards.map(
        (card) =>
          html`<${Card}
            key=${card.identity}
            card=${card}
            now=${now}
            track=${null}
            mirrored=${false}
            onEnlarge=${onEnlarge}
            manage=${manage}
          />`,
      )}
    </ul>`;
}
