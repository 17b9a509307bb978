// @ts-check
/**
 * The reference photo: the one in use, a new one by choosing or dropping, and why it was refused. A refused photo
 * stays in view beside the one that is still in use. Who may only look sees the one in use and nothing to press.
 */

/** @import { BBox, ReferenceStatus, Size } from "../types/model.js" */
/** @import { Rights } from "../model/rights.js" */
/** @import { Accepted } from "../net/upload.js" */
/** @import { Former } from "./reference-undo.js" */

import { ago, fullTime } from "../model/text.js";
import { ApiError } from "../net/api.js";
import { uploadReference } from "../net/upload.js";
import { Icon } from "./icons.js";
import { LocalPicture } from "./local-picture.js";
import { html, memo, useRef, useState } from "./preact.js";
import { ReferenceActions } from "./reference-actions.js";
import { Undo, keptPhoto } from "./reference-undo.js";

/** How long the frame around the accepted face stays. */
const ACCEPTED_MS = 8000;

/**
 * An upload from its beginning to what came of it.
 *
 * @typedef {object} Attempt
 * @property {File} file
 * @property {"sending" | "refused" | "accepted"} state
 * @property {number} sent 0 to 1
 * @property {string} sentence why it was refused
 * @property {readonly BBox[]} faces
 * @property {Size | null} frame the size that the faces' boxes refer to
 */

/**
 * @typedef {object} ReferenceProps
 * @property {ReferenceStatus | null} reference
 * @property {Rights} rights
 * @property {boolean} loading
 * @property {string | null} inUse the id that the recognizer works with; null when that is not known
 * @property {string | null} problem what the recognizer says of the file
 * @property {number} now server's clock, ms
 * @property {() => void} onChanged
 * @property {() => void} onErase
 */

/** @param {ReferenceProps} props */
function View({ reference, rights, loading, inUse, problem, now, onChanged, onErase }) {
  const [attempt, setAttempt] = useState(/** @type {Attempt | null} */ (null));
  const [over, setOver] = useState(false);
  const [remarks, setRemarks] = useState({ reference: "", words: "" });
  const [former, setFormer] = useState(/** @type {Former | null} */ (null));
  const turn = useRef(0);
  const abort = useRef(/** @type {(() => void) | null} */ (null));

  const send = async (/** @type {File | undefined} */ file) => {
    if (file === undefined) return;
    abort.current?.();
    turn.current += 1;
    const mine = turn.current;
    /** @type {Attempt} */
    const begun = { file, state: "sending", sent: 0, sentence: "", faces: [], frame: null };
    setAttempt(begun);
    const kept = reference === null ? null : keptPhoto(pictureUrl(reference));
    await kept; // before another photo is behind its address
    if (mine !== turn.current) return; // another was chosen meanwhile
    const upload = uploadReference(file, (sent) =>
      setAttempt((now) => (now?.file === file ? { ...now, sent } : now)),
    );
    abort.current = upload.abort;
    const result = await upload.done.then(
      async (answer) => {
        const before = await kept;
        setFormer(before === null ? null : { file: before, by: answer.reference_id });
        setRemarks({ reference: answer.reference_id, words: remarksOn(answer) });
        return {
          ...begun,
          state: /** @type {const} */ ("accepted"),
          faces: answer.turned ? [] : [answer.bbox], // the picture here lies as it did
          frame: answer.frame_size,
        };
      },
      (error) => refusedBy(begun, error),
    );
    setAttempt((now) => (now?.file === file ? result : now));
    if (result?.state === "accepted") {
      onChanged();
      setTimeout(() => setAttempt((now) => (now?.file === file ? null : now)), ACCEPTED_MS);
    }
  };

  /** Without them a file dropped here is dropped beside the panel, where it does nothing. */
  const drop = {
    onDragOver: (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop: (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      setOver(false);
      void send(event.dataTransfer?.files[0]);
    },
  };

  return html`<div
    class="reference"
    data-over=${over && rights === "change" ? "yes" : "no"}
    data-state=${stateOf(attempt, reference, loading)}
    data-rights=${rights}
    ...${rights === "change" ? drop : {}}
  >
    <${Picture} attempt=${attempt} reference=${reference} loading=${loading} />
    <${Verdict}
      attempt=${attempt}
      reference=${reference}
      rights=${rights}
      inUse=${inUse}
      problem=${problem}
      now=${now}
      loading=${loading}
    />
    ${
      remarks.words !== "" && remarks.reference === reference?.id && attempt?.state !== "sending"
        ? html`<p class="verdict" data-tone="warn" role="status" data-testid="reference-weak">
          <${Icon} name="error" /><span>${remarks.words}</span>
        </p>`
        : null
    }
    <${Undo}
      former=${former}
      reference=${reference}
      busy=${attempt?.state === "sending" || attempt?.state === "refused"}
      onUndo=${(/** @type {File} */ file) => void send(file)}
    />
    ${
      attempt?.state === "refused"
        ? html`<${StillInUse} reference=${reference} onDismiss=${() => setAttempt(null)} />`
        : null
    }
    <${ReferenceActions}
      rights=${rights}
      attempt=${attempt}
      reference=${reference}
      over=${over}
      onChoose=${(/** @type {File | undefined} */ file) => void send(file)}
      onStop=${() => abort.current?.()}
      onErase=${onErase}
    />
  </div>`;
}

export const Reference = memo(View);

/**
 * @param {Attempt} attempt
 * @param {unknown} error
 * @returns {Attempt | null} null when it was stopped on purpose
 */
function refusedBy(attempt, error) {
  if (!(error instanceof ApiError))
    return { ...attempt, state: "refused", sentence: "The photo could not be sent." };
  if (error.code === "ABORTED") return null;
  return { ...attempt, state: "refused", sentence: error.message, faces: error.faces, frame: error.frameSize };
}

/**
 * @param {Accepted} answer
 * @returns {string} what its owner should know of a photo that is in use; nothing of a good one
 */
function remarksOn({ weak = [], turned = 0 }) {
  const lacks = weak.map(({ detail }) => detail).join(" ");
  const sentences = [
    lacks === "" ? "" : `A weak photo, recognized less often. ${lacks}`,
    turned === 0 ? "" : "It was turned upright: as it lay, no face showed.",
  ];
  return sentences.filter((sentence) => sentence !== "").join(" ");
}

/**
 * @param {Attempt | null} attempt
 * @param {ReferenceStatus | null} reference
 * @param {boolean} loading
 */
function stateOf(attempt, reference, loading) {
  if (attempt !== null) return attempt.state;
  if (loading) return "loading";
  return reference === null ? "none" : "in_use";
}

/** @param {{ attempt: Attempt | null, reference: ReferenceStatus | null, loading: boolean }} props */
function Picture({ attempt, reference, loading }) {
  if (attempt !== null) return html`<${LocalPicture} key=${attempt.file} attempt=${attempt} />`;
  if (reference !== null) {
    return html`<div class="picture reference-picture">
      <img
        class="picture-media"
        src=${pictureUrl(reference)}
        alt="The reference photo in use"
        data-testid="reference-image"
      />
    </div>`;
  }
  return html`<div class="picture blank reference-picture reference-empty" data-loading=${loading ? "yes" : "no"}>
    <div class="picture-empty"><${Icon} name="idle" size=${44} /></div>
  </div>`;
}

/** @param {ReferenceStatus} reference its id in the address, so that a new photo is not mistaken for the old one */
function pictureUrl(reference) {
  return `${reference.url}?v=${encodeURIComponent(reference.id)}`;
}

/**
 * One line under the picture; its place is kept.
 *
 * @param {Omit<ReferenceProps, "onChanged" | "onErase"> & { attempt: Attempt | null }} props
 */
function Verdict({ attempt, reference, rights, loading, inUse, problem, now }) {
  if (attempt?.state === "refused") {
    return html`<p class="verdict" data-tone="bad" role="alert" data-testid="reference-refused">
      <${Icon} name="error" /><span>${attempt.sentence}</span>
    </p>`;
  }
  if (attempt?.state === "sending") {
    const words = attempt.sent < 1 ? `Sending, ${Math.round(attempt.sent * 100)} %` : "Looking for the face…";
    return html`<p class="verdict" role="status">${words}</p>`;
  }
  if (attempt?.state === "accepted") {
    return html`<p class="verdict" data-tone="good" role="status" data-testid="reference-accepted">
      <${Icon} name="match" /><span>Accepted: this face is looked for now.</span>
    </p>`;
  }
  if (loading || (reference === null && rights === "unknown")) return html`<p class="verdict quiet">Loading…</p>`;
  if (reference === null) {
    const first = rights === "change" ? "One clear, frontal face." : "An admin can add a photo.";
    return html`<p class="verdict quiet">${first}</p>`;
  }
  if (problem !== null) {
    return html`<p class="verdict" data-tone="warn"><${Icon} name="error" /><span>${problem}</span></p>`;
  }
  const since = Date.parse(reference.updated_at);
  const waiting = inUse !== null && inUse !== reference.id;
  return html`<p class="verdict quiet">
    <span>
      ${waiting ? "The recognizer is about to load it. " : "In use. "}
      <time datetime=${reference.updated_at} title=${fullTime(since)}>Added ${ago(since, now)}.</time>
    </span>
  </p>`;
}

/** @param {{ reference: ReferenceStatus | null, onDismiss: () => void }} props */
function StillInUse({ reference, onDismiss }) {
  if (reference === null) {
    return html`<div class="still" data-tone="none"><span>No reference is in use.</span></div>`;
  }
  return html`<div class="still" data-testid="reference-still">
    <img
      class="still-picture"
      src=${pictureUrl(reference)}
      alt="The reference photo that is still in use"
      width="48"
      height="48"
    />
    <span>This one is still in use.</span>
    <button type="button" class="button small" onClick=${onDismiss}>Keep it</button>
  </div>`;
}
