// @ts-check
/** A snapshot, large, in the page's one dialog, with what was measured and the ones before and after it. */

/** @import { MatchEvent } from "../types/model.js" */

import { displayName, figure, fullTime } from "../model/text.js";
import { identityOf } from "../model/wire.js";
import { Icon } from "./icons.js";
import { html, memo } from "./preact.js";

/**
 * @typedef {object} ViewerProps
 * @property {MatchEvent} event
 * @property {MatchEvent | null} newer the next newer one with a snapshot
 * @property {MatchEvent | null} older
 * @property {(event: MatchEvent) => void} onShow
 * @property {() => void} onClose
 */

/** @param {ViewerProps} props */
function View({ event, newer, older, onShow, onClose }) {
  const name = displayName(event.participant_name, identityOf(event));
  return html`<div class="viewer-content" data-testid="viewer">
    <header class="viewer-head">
      <h2 class="clip" id="viewer-title"><bdi translate=${false}>${name}</bdi></h2>
      <button
        type="button"
        class="icon-button"
        aria-label="Close"
        onClick=${onClose}
      >
        <${Icon} name="close" />
      </button>
    </header>
    <div class="picture viewer-picture">
      <img
        key=${event.snapshot}
        class="picture-media"
        src=${`/captures/${encodeURIComponent(event.snapshot ?? "")}`}
        alt=${`Snapshot of ${name} with the matching face outlined`}
        width=${event.frame_size[0]}
        height=${event.frame_size[1]}
      />
    </div>
    <footer class="viewer-foot">
      <dl class="facts viewer-facts">
        <div>
          <dt>When</dt>
          <dd><time translate=${false} datetime=${event.timestamp}>${fullTime(Date.parse(event.timestamp))}</time></dd>
        </div>
        <div><dt>Score</dt><dd translate=${false}>${figure(event.confidence)}</dd></div>
        ${
          event.distance === null
            ? null
            : html`<div>
              <dt>Distance</dt>
              <dd>
                ${figure(event.distance)}${event.threshold === null ? "" : ` (match up to ${figure(event.threshold)})`}
              </dd>
            </div>`
        }
        <div><dt>Picture</dt><dd translate=${false}>${event.frame_size[0]} × ${event.frame_size[1]}</dd></div>
      </dl>
      <div class="viewer-turn">
        <button
          type="button"
          class="button"
          aria-disabled=${newer === null ? "true" : "false"}
          onClick=${() => newer !== null && onShow(newer)}
        >
          <${Icon} name="previous" />Newer
        </button>
        <button
          type="button"
          class="button"
          aria-disabled=${older === null ? "true" : "false"}
          onClick=${() => older !== null && onShow(older)}
        >
          Older<${Icon} name="next" />
        </button>
      </div>
    </footer>
  </div>`;
}

export const Viewer = memo(View);
