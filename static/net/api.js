// @ts-check
/** The HTTP side of the server: status and tokens. Every failure is an ApiError with a sentence to show. */

/** @import { BBox, Size, Status } from "../types/model.js" */

const STATUS_TIMEOUT_MS = 8000;
const TOKEN_TIMEOUT_MS = 10_000;

/** An answer that is not the one hoped for, or none at all (`status` 0). */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} sentence
   * @param {{ faces?: readonly BBox[], frameSize?: Size | null }} [picture] what was seen in a refused photo
   */
  constructor(status, code, sentence, { faces = [], frameSize = null } = {}) {
    super(sentence);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.faces = faces;
    this.frameSize = frameSize;
  }
}

export const SERVER_AWAY = "The Face Match server does not answer. Check that it is running, then try again.";

/** @param {string} [room] "" the one that is watched, or the first @returns {Promise<Status>} */
export async function fetchStatus(room = "") {
  const path = room === "" ? "/api/status" : `/api/status?${new URLSearchParams({ room })}`;
  return /** @type {Status} */ (await requestJson(path, { timeout: STATUS_TIMEOUT_MS }));
}

/**
 * @param {string} room
 * @param {string} name what the others read
 * @param {string | null} former the identity that this page had there, if it had one
 * @param {{ consent: boolean, compared: boolean }} choice
 * @returns {Promise<{ token: string, url: string, room: string, identity: string }>}
 */
export async function fetchToken(room, name, former, choice) {
  const body = { room, name, ...(former === null ? {} : { former }), ...choice };
  const answer = await requestJson("/api/token", { timeout: TOKEN_TIMEOUT_MS, body });
  return /** @type {{ token: string, url: string, room: string, identity: string }} */ (answer);
}

/**
 * To see a room's videos and not be seen there: it is kept that somebody does.
 *
 * @param {string} room
 * @returns {Promise<{ token: string, url: string, room: string, viewing_id: string }>}
 */
export async function fetchViewing(room) {
  const answer = await requestJson("/api/viewings", { timeout: TOKEN_TIMEOUT_MS, body: { room } });
  return /** @type {{ token: string, url: string, room: string, viewing_id: string }} */ (answer);
}

/**
 * What whoever joins is to know before.
 *
 * @typedef {object} Notice
 * @property {string | null} operator
 * @property {string | null} purpose
 * @property {string | null} contact
 * @property {boolean} consent_required
 * @property {boolean} continuity
 * @property {"none" | "face" | "frame"} snapshots
 * @property {number} snapshot_days
 * @property {number} event_days
 * @property {number} statistics_days
 * @property {boolean} guests_see_others
 */

/** @returns {Promise<Notice>} */
export async function fetchNotice() {
  return /** @type {Notice} */ (await requestJson("/api/notice", { timeout: TOKEN_TIMEOUT_MS }));
}

/**
 * Agrees to be compared, or withdraws that, while in the room.
 *
 * @param {string} room
 * @param {string} identity
 * @param {boolean} given
 */
export async function changeConsent(room, identity, given) {
  await requestJson("/api/consent", { timeout: TOKEN_TIMEOUT_MS, method: "PUT", body: { room, identity, given } });
}

/**
 * @param {string} path
 * @param {{ timeout: number, method?: string, body?: unknown, headers?: Record<string, string> }} options
 * @returns {Promise<unknown>}
 */
export async function requestJson(path, { timeout, method = "GET", body, headers = {} }) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      cache: "no-store",
      signal: AbortSignal.timeout(timeout),
      ...(body === undefined
        ? { method, headers }
        : { method: method === "GET" ? "POST" : method, headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, "UNREACHABLE", SERVER_AWAY);
  }
  /** @type {unknown} */
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw errorFrom(response.status, answer);
  if (answer === null)
    throw new ApiError(response.status, "BAD_ANSWER", "The server sent an answer that cannot be read.");
  return answer;
}

/**
 * The error that an answer's body tells of, whatever that body is.
 *
 * @param {number} status
 * @param {unknown} body
 * @returns {ApiError}
 */
export function errorFrom(status, body) {
  const fields = /** @type {Record<string, unknown>} */ (typeof body === "object" && body !== null ? body : {});
  const { detail, code, faces, frame_size: frameSize } = fields;
  return new ApiError(
    status,
    typeof code === "string" ? code : `HTTP_${status}`,
    typeof detail === "string" && detail !== "" ? detail : `The server answered with an error (${status}).`,
    {
      faces: Array.isArray(faces) ? /** @type {BBox[]} */ (faces) : [],
      frameSize: Array.isArray(frameSize) ? /** @type {Size} */ (/** @type {unknown} */ (frameSize)) : null,
    },
  );
}
