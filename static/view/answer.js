// @ts-check
/** Something asked of the server for as long as it is shown: asked again when what is asked for changes. */

import { ApiError } from "../net/api.js";
import { Icon } from "./icons.js";
import { html, useEffect, useState } from "./preact.js";

/**
 * @template T
 * @typedef {object} Asked
 * @property {T | null} answer the last one, also while the next is on its way
 * @property {string} trouble why there is none; "" when there is, or it is on its way
 * @property {string} code of that trouble
 * @property {boolean} busy
 * @property {() => void} again
 * @property {(answer: T) => void} put what is known without asking
 */

/**
 * @template T
 * @param {() => Promise<T>} ask
 * @param {readonly unknown[]} about what the answer depends on
 * @returns {Asked<T>}
 */
export function useAnswer(ask, about) {
  const [state, setState] = useState(
    /** @type {{ answer: T | null, error: ApiError | null, busy: boolean }} */ ({
      answer: null,
      error: null,
      busy: true,
    }),
  );
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let current = true;
    setState((before) => ({ ...before, busy: true }));
    ask().then(
      (answer) => current && setState({ answer, error: null, busy: false }),
      (error) => current && setState((before) => ({ ...before, error: told(error), busy: false })),
    );
    return () => {
      current = false;
    };
  }, [...about, turn]);
  return {
    answer: state.answer,
    trouble: state.busy ? "" : (state.error?.message ?? ""),
    code: state.error?.code ?? "",
    busy: state.busy,
    again: () => setTurn((before) => before + 1),
    put: (answer) => setState({ answer, error: null, busy: false }),
  };
}

/** @param {unknown} error @returns {ApiError} */
export function told(error) {
  return error instanceof ApiError ? error : new ApiError(0, "FAILED", "It did not work. Try again.");
}

/**
 * @param {{ words: string, onAgain?: (() => void) | null }} props words: "" shows nothing
 */
export function Trouble({ words, onAgain = null }) {
  if (words === "") return null;
  return html`<p class="verdict trouble" data-tone="bad" role="alert" data-testid="trouble">
    <${Icon} name="error" /><span>${words}</span>
    ${onAgain === null ? null : html`<button type="button" class="button small" onClick=${onAgain}>Try again</button>`}
  </p>`;
}
