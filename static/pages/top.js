// @ts-check
/** What stays in view wherever somebody is: the bar with the one answer, and the title of the window. */

/** @import { Card, State } from "../types/model.js" */
/** @import { Connection, RecognizerState } from "../model/connection.js" */
/** @import { Route } from "../model/route.js" */
/** @import { Summary } from "../model/summary.js" */

import { titleWith } from "../model/alarms.js";
import { several } from "../model/rooms.js";
import { hrefOf } from "../model/route.js";
import { Bar } from "../view/bar.js";
import { Headline } from "../view/headline.js";
import { html, render } from "../view/preact.js";
import { currentTheme, nextTheme } from "../view/theme-choice.js";

/**
 * @typedef {object} TopDrawn
 * @property {State} state
 * @property {Connection} connection
 * @property {RecognizerState} recognizer
 * @property {Summary} summary
 * @property {readonly Card[]} cards
 * @property {string} chosen room; "" all of them
 * @property {Route["place"]} place
 * @property {number} alarms that nobody has acknowledged
 */

export class Top {
  #mounts;
  #onChange;
  #onRetry;
  #onShow;
  #entitled = "";

  /**
   * @param {{ bar: Element, answer: Element }} mounts
   * @param {object} options
   * @param {() => void} options.onChange it looks different now
   * @param {() => void} options.onRetry
   * @param {(key: string) => void} options.onShow
   */
  constructor(mounts, { onChange, onRetry, onShow }) {
    this.#mounts = mounts;
    this.#onChange = onChange;
    this.#onRetry = onRetry;
    this.#onShow = onShow;
  }

  /** @param {TopDrawn} drawn */
  draw(drawn) {
    this.#drawBar(drawn);
    this.#drawAnswer(drawn);
    this.#entitle(titleWith(titleOf(drawn.summary, drawn.place), drawn.alarms));
  }

  /** @param {TopDrawn} drawn */
  #drawBar({ state, connection: { level, retryIn }, recognizer }) {
    const { status, listed } = state;
    render(
      html`<${Bar}
        level=${level}
        retryIn=${level === "offline" || level === "reconnecting" ? retryIn : null}
        room=${status?.room ?? ""}
        rooms=${listed.length}
        unwatched=${listed.filter(({ watched }) => !watched).length}
        recognizer=${recognizer}
        heartbeat=${status?.recognizer.heartbeat ?? null}
        missing=${status?.events.gaps.count ?? 0}
        differing=${(status?.settings_differ ?? []).join("\n")}
        theme=${currentTheme()}
        onTheme=${this.#onTheme}
        onRetry=${this.#onRetry}
      />`,
      this.#mounts.bar,
    );
  }

  /** @param {TopDrawn} drawn */
  #drawAnswer({ state, summary, cards, chosen }) {
    const about = cards.find((card) => card.key === summary.about)?.room ?? "";
    const rooms = new Set(cards.filter((card) => speaks(card, summary.kind)).map(({ room }) => room));
    render(
      html`<${Headline}
        ...${summary}
        where=${several(state) ? about : ""}
        rooms=${rooms.size}
        href=${hrefOf("live", chosen === "" || about === "" ? chosen : about)}
        onShow=${this.#onShow}
      />`,
      this.#mounts.answer,
    );
  }

  #onTheme = () => {
    nextTheme();
    this.#onChange();
  };

  /** @param {string} words written only when they change: the browser may have translated them */
  #entitle(words) {
    if (words === this.#entitled) return;
    this.#entitled = words;
    document.title = `${words} – Face Match`;
  }
}

/** @param {Card} card @param {Summary["kind"]} kind whether the answer is about it, among others */
function speaks(card, kind) {
  return kind === "alarm" ? card.identityTone === "bad" : kind === "match" && card.state === "match";
}

/** @param {Summary} summary a match is told wherever somebody is on the page @param {Route["place"]} place */
function titleOf({ kind, title }, place) {
  const live = kind === "match" || kind === "alarm" ? `● ${title}` : title;
  if (place === "live") return live;
  return live !== title ? live : place === "people" ? "People" : "History";
}
