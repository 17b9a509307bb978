// @ts-check
/** The one answer in large letters: in the bar, so that it stays in view, and a way to the card that says more. */

/** @typedef {import("../model/summary.js").Summary} Summary */

import { ANSWER_ICONS, Icon } from "./icons.js";
import { html, memo } from "./preact.js";
import { Sentence } from "./sentence.js";

/**
 * @param {Summary & { where: string, rooms: number, href: string, onShow: (key: string) => void }} props
 *   where: the room, of several; rooms: in how many it is so
 */
function View({ where, rooms, href, onShow, ...summary }) {
  const { kind, lead, title, about } = summary;
  const shown = about === "" ? {} : { onClick: () => onShow(about) };
  return html`<a class="answer bar-answer" data-testid="answer" data-kind=${kind} href=${href} ...${shown}>
    <span class="answer-icon"><${Icon} name=${ANSWER_ICONS[kind]} size=${32} /></span>
    <span class="answer-words">
      <span class="answer-title clip" title=${title}>
        ${
          lead === ""
            ? title
            : html`<span class="answer-prefix">${lead} </span><bdi translate=${false}>${title}</bdi>`
        }
      </span>
      ${where === "" ? null : html`<${Where} room=${where} rooms=${rooms} />`}
      <span class="answer-detail clip"><${Detail} ...${summary} /></span>
    </span>
  </a>`;
}

export const Headline = memo(View);

/** @param {{ room: string, rooms: number }} props */
function Where({ room, rooms }) {
  return rooms > 1
    ? html`<span class="answer-where">in ${rooms} rooms</span>`
    : html`<span class="answer-where clip">in <bdi translate=${false}>${room}</bdi></span>`;
}

/** @param {Summary} summary */
function Detail({ kind, detail, who }) {
  if (who === "") return html`<${Sentence} words=${detail} />`;
  const names = html`<bdi translate=${false}>${who}</bdi>`;
  if (kind !== "match") return html`<span><span>${detail} </span>${names}</span>`;
  return html`<span>${names}${detail === "" ? null : html`<span>, ${detail}</span>`}</span>`;
}
