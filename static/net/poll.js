// @ts-check
/** Asks for the status again and again, less often while nobody looks, one question at a time. */

/** @import { Status } from "../types/model.js" */

import { ApiError, SERVER_AWAY, fetchStatus } from "./api.js";

const VISIBLE_MS = 2000;
const HIDDEN_MS = 10_000;
const REFUSED_MS = 10_000;

/** @typedef {{ status: Status, askedAt: number, receivedAt: number, cursorWhenAsked: number }} Answer */

export class StatusPoll {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #asking = false;
  #again = false;

  /**
   * @param {object} options
   * @param {() => number} options.cursor the last one that has arrived, noted when the question is asked
   * @param {() => string} options.room that is asked about; "" whichever is watched
   * @param {(answer: Answer) => void} options.onStatus
   * @param {(at: number, error: ApiError) => void} options.onFailure
   */
  constructor({ cursor, room, onStatus, onFailure }) {
    this.#cursor = cursor;
    this.#room = room;
    this.#onStatus = onStatus;
    this.#onFailure = onFailure;
  }

  #cursor;
  #room;
  #onStatus;
  #onFailure;

  /** Asks now; while a question is out, once more after its answer. */
  async now() {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#asking = true;
    const askedAt = Date.now();
    const cursorWhenAsked = this.#cursor();
    const answer = await fetchStatus(this.#room()).catch((error) =>
      error instanceof ApiError ? error : new ApiError(0, "UNREACHABLE", SERVER_AWAY),
    );
    this.#asking = false;
    const failed = answer instanceof ApiError;
    if (failed) this.#onFailure(Date.now(), answer);
    else this.#onStatus({ status: answer, askedAt, receivedAt: Date.now(), cursorWhenAsked });
    const refused = failed && answer.status >= 400 && answer.status < 500;
    const wait = document.hidden ? HIDDEN_MS : refused ? REFUSED_MS : VISIBLE_MS;
    this.#timer = setTimeout(() => void this.now(), this.#again ? 0 : wait);
    this.#again = false;
  }
}
