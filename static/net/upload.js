// @ts-check
/** Sends a photo; XMLHttpRequest because fetch does not tell how much has been sent. */

/** @import { BBox, Size } from "../types/model.js" */

import { ApiError, SERVER_AWAY, errorFrom } from "./api.js";

const TIMEOUT_MS = 120_000;

/**
 * @typedef {object} Accepted
 * @property {string} reference_id
 * @property {BBox} bbox
 * @property {Size} frame_size
 * @property {string} url
 * @property {readonly { code: string, detail: string }[]} [weak] why the face may be recognized less often
 * @property {number} [turned] degrees, clockwise, that it was turned by, because no face showed in it as it lay
 */

/**
 * @param {File} file
 * @param {(fraction: number) => void} onProgress 0 to 1; 1 means that the server has all of it and is looking
 * @returns {{ done: Promise<Accepted>, abort: () => void }}
 */
export function uploadReference(file, onProgress) {
  const { done, abort } = upload("/api/reference", "file", file, onProgress);
  return { done: /** @type {Promise<Accepted>} */ (done), abort };
}

/**
 * @param {string} path
 * @param {string} field of the form
 * @param {File} file
 * @param {(fraction: number) => void} onProgress 0 to 1; 1 means that the server has all of it and is looking
 * @returns {{ done: Promise<unknown>, abort: () => void }} the answer's JSON; fails with an ApiError
 */
export function upload(path, field, file, onProgress) {
  const request = new XMLHttpRequest();
  /** @type {Promise<unknown>} */
  const done = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
    });
    request.upload.addEventListener("load", () => onProgress(1));
    request.addEventListener("load", () => {
      const body = /** @type {unknown} */ (request.response);
      if (request.status === 200 && body !== null) resolve(body);
      else reject(errorFrom(request.status, body));
    });
    request.addEventListener("error", () => reject(new ApiError(0, "UNREACHABLE", SERVER_AWAY)));
    request.addEventListener("timeout", () =>
      reject(new ApiError(0, "TIMEOUT", "The upload took too long. Try a smaller photo or a better connection.")),
    );
    request.addEventListener("abort", () => reject(new ApiError(0, "ABORTED", "The upload was stopped.")));
  });
  request.open("POST", path);
  request.responseType = "json";
  request.timeout = TIMEOUT_MS;
  const form = new FormData();
  form.append(field, file, file.name);
  request.send(form);
  return { done, abort: () => request.abort() };
}
