// @ts-check
/**
 * Photos for a person: dropped, chosen, pasted or taken with the camera; sent one after the other, a row for each with
 * what became of it and what would help. What was refused stays beside its file until it is put away.
 */

/** @import { Row } from "../model/intake.js" */
/** @import { From } from "../types/model.js" */

import { again, changed, nextOf, progressOf, verdictOn, withFiles, without } from "../model/intake.js";
import { hrefOf } from "../model/route.js";
import { sendPhoto } from "../net/people.js";
import { told } from "./answer.js";
import { Icon } from "./icons.js";
import { PoseCamera } from "./pose-camera.js";
import { html, memo, useEffect, useRef, useState } from "./preact.js";

const TAKES = "image/jpeg,image/png,image/webp";
const ANYWAY = {
  UNLIKE_THE_OTHERS: "It is them: add it anyway",
  OTHER_PERSON: "It is them: add it anyway",
  ERASED_BEFORE: "It may be kept: add it anyway",
};

/**
 * @typedef {object} PhotoIntakeProps
 * @property {string} personId "" while there is nobody yet
 * @property {() => Promise<string | null>} begin whose they are to be; null: not yet
 * @property {(() => void) | null} onChanged a photo was taken
 */

/** @param {PhotoIntakeProps} props */
export function PhotoIntake({ personId, begin, onChanged }) {
  const [rows, setRows] = useState(/** @type {readonly Row[]} */ ([]));
  const [over, setOver] = useState(false);
  const [camera, setCamera] = useState(false);
  const going = useRef(false);
  const abort = useRef(/** @type {(() => void) | null} */ (null));
  const gone = useRef(false);

  useEffect(() => () => {
    gone.current = true;
    abort.current?.();
  }, []);

  const send = async (/** @type {Row} */ row) => {
    if (going.current) return;
    going.current = true;
    const change = (/** @type {Partial<Row>} */ what) => setRows((before) => changed(before, row.key, what));
    const id = personId === "" ? await begin() : personId;
    if (id === null) {
      going.current = false;
      return;
    }
    change({ state: "sending", sent: 0 });
    const sending = sendPhoto(id, row.file, row.anyway, (sent) => change({ sent, state: sent < 1 ? "sending" : "looking" }));
    abort.current = sending.abort;
    try {
      const result = await sending.done;
      change({ state: "done", verdict: verdictOn(result, id) });
      if (result.ok) onChanged?.();
    } catch (error) {
      const { message, code } = told(error);
      change({ state: "failed", verdict: { tone: "bad", code, words: message, anyway: "", other: "" } });
    }
    going.current = false;
    if (!gone.current) setRows((before) => [...before]); // the next one
  };

  useEffect(() => {
    const next = nextOf(rows);
    if (next !== null) void send(next);
  }, [rows, personId]);

  const add = (/** @type {FileList | readonly File[] | null | undefined} */ files) => {
    const pictures = [...(files ?? [])];
    if (pictures.length > 0) setRows((before) => withFiles(before, pictures));
  };

  useEffect(() => {
    const paste = (/** @type {ClipboardEvent} */ event) => {
      const files = event.clipboardData?.files;
      if (files === undefined || files.length === 0) return;
      event.preventDefault();
      add(files);
    };
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, []);

  return html`<div class="intake">
    <div
      class="drop"
      data-over=${over ? "yes" : "no"}
      data-testid="drop"
      onDragOver=${(/** @type {DragEvent} */ event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave=${() => setOver(false)}
      onDrop=${(/** @type {DragEvent} */ event) => {
        event.preventDefault();
        setOver(false);
        add(event.dataTransfer?.files);
      }}
    >
      <span class="drop-icon"><${Icon} name="upload" size=${28} /></span>
      <p class="drop-words">
        <span>${over ? "Let go now" : "Drop photos here, or paste them"}</span>
        <span class="hint">One clear face in each. Three from different days and angles are worth more than anything else.</span>
      </p>
      <div class="drop-actions">
        <label class="button primary file-button">
          Choose photos
          <input
            class="visually-hidden"
            type="file"
            multiple
            accept=${TAKES}
            data-testid="photo-files"
            onChange=${(/** @type {From<HTMLInputElement>} */ event) => {
              add(event.currentTarget.files);
              event.currentTarget.value = "";
            }}
          />
        </label>
        <button
          type="button"
          class="button"
          aria-expanded=${camera ? "true" : "false"}
          data-testid="use-camera"
          onClick=${() => setCamera(!camera)}
        >
          <${Icon} name="camera" />Use the camera
        </button>
      </div>
    </div>
    ${camera ? html`<${PoseCamera} onPhoto=${(/** @type {File} */ file) => add([file])} onClose=${() => setCamera(false)} />` : null}
    ${
      rows.length === 0
        ? null
        : html`<ul class="intake-rows" data-testid="intake-rows">
            ${rows.map(
              (row) => html`<${IntakeRow}
                key=${row.key}
                row=${row}
                onAgain=${() => setRows((before) => changed(before, row.key, again(row)))}
                onAway=${() => setRows((before) => without(before, row.key))}
              />`,
            )}
          </ul>`
    }
    <p class="visually-hidden" role="status" data-testid="intake-progress">${progressOf(rows)}</p>
  </div>`;
}

/** @param {{ row: Row, onAgain: () => void, onAway: () => void }} props */
function RowView({ row, onAgain, onAway }) {
  const { file, state, sent, verdict } = row;
  const anyway = /** @type {Record<string, string>} */ (ANYWAY)[verdict?.anyway ?? ""];
  const busy = state === "sending" || state === "looking";
  return html`<li class="intake-row" data-testid="intake-row" data-state=${state} data-tone=${verdict?.tone ?? "none"} data-code=${verdict?.code ?? ""}>
    <${Preview} file=${file} />
    <div class="intake-words">
      <p class="intake-name clip" translate=${false} title=${file.name}>${file.name}</p>
      ${
        verdict === null
          ? html`<p class="quiet">${stateWords(state, sent)}</p>`
          : html`<p class="verdict" data-tone=${verdict.tone}>
              <${Icon} name=${verdict.tone === "good" ? "match" : "error"} size=${18} /><span>${verdict.words}</span>
            </p>`
      }
      ${
        busy
          ? html`<progress class="intake-bar" aria-label=${`Upload of ${file.name}`} ...${state === "sending" ? { value: sent, max: 1 } : {}}></progress>`
          : null
      }
      ${
        verdict === null || (verdict.other === "" && anyway === undefined && state !== "failed")
          ? null
          : html`<div class="intake-actions">
              ${anyway === undefined ? null : html`<button type="button" class="button small" data-testid="anyway" onClick=${onAgain}>${anyway}</button>`}
              ${state === "failed" ? html`<button type="button" class="button small" onClick=${onAgain}>Try again</button>` : null}
              ${verdict.other === "" ? null : html`<a class="button small" href=${hrefOf("people", verdict.other)}>Whose it is</a>`}
            </div>`
      }
    </div>
    ${
      busy
        ? null
        : html`<button type="button" class="icon-button" aria-label=${`Put ${file.name} away`} onClick=${onAway}>
            <${Icon} name="close" size=${18} />
          </button>`
    }
  </li>`;
}

const IntakeRow = memo(RowView);

/** @param {Row["state"]} state @param {number} sent */
function stateWords(state, sent) {
  if (state === "sending") return `Sending, ${Math.round(sent * 100)} %`;
  return state === "looking" ? "Looking for the face…" : "Waiting for its turn";
}

/** @param {{ file: File }} props */
function PreviewView({ file }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return html`<span class="intake-picture">${url === "" ? null : html`<img src=${url} alt="" onError=${() => setUrl("")} />`}</span>`;
}

const Preview = memo(PreviewView);
