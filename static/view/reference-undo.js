// @ts-check
/** The photo that another has taken the place of: kept by this page, for whoever replaced it by mistake. */

/** @import { ReferenceStatus } from "../types/model.js" */

import { html, useEffect, useState } from "./preact.js";

/**
 * A photo that was in use.
 *
 * @typedef {object} Former
 * @property {File} file
 * @property {string} by the id of the one that took its place
 */

const TIMEOUT_MS = 10_000;

/**
 * @param {string} address of the photo in use
 * @returns {Promise<File | null>} null: it cannot be kept
 */
export async function keptPhoto(address) {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const photo = answer.ok ? await answer.blob() : null;
    return photo === null ? null : new File([photo], "former.jpg", { type: photo.type });
  } catch {
    return null;
  }
}

/**
 * @param {{ former: Former | null, reference: ReferenceStatus | null, busy: boolean, onUndo: (file: File) => void }} props
 */
export function Undo({ former, reference, busy, onUndo }) {
  const file = former !== null && former.by === reference?.id && !busy ? former.file : null;
  const [shown, setShown] = useState(/** @type {{ of: File, address: string } | null} */ (null));
  useEffect(() => {
    if (file === null) return undefined;
    const address = URL.createObjectURL(file);
    setShown({ of: file, address });
    return () => URL.revokeObjectURL(address);
  }, [file]);
  if (file === null) return null;
  return html`<div class="still" data-tone="none" data-testid="reference-former">
    ${
      shown?.of === file
        ? html`<img class="still-picture" src=${shown.address} alt="The photo before" width="48" height="48" />`
        : null
    }
    <span>The photo before.</span>
    <button type="button" class="button small" data-testid="reference-undo" onClick=${() => onUndo(file)}>Undo</button>
  </div>`;
}
