// @ts-check
/** Asks which rooms there are, and about each that is wanted; while there is one only, seldom. */

/** @import { RoomListed, Status } from "../types/model.js" */
/** @import { IdentityShown } from "../types/people.js" */

import { fetchStatus, requestJson } from "./api.js";
import { fetchAlarming } from "./identity.js";

const TIMEOUT_MS = 8000;
const SEVERAL_MS = 2000;
const ONE_MS = 10_000;
const PAGE = 500;
/** Further rooms are not listed. */
const MOST = 2000;
/** Questions that are out at one time. */
const AT_ONCE = 4;

/** @returns {Promise<readonly RoomListed[]>} by name */
export async function fetchRooms() {
  /** @type {RoomListed[]} */
  const rooms = [];
  /** @type {string | null} */
  let after = "";
  while (after !== null && rooms.length < MOST) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after === "" ? {} : { after }) });
    const answer = /** @type {{ rooms: RoomListed[], next: string | null }} */ (
      await requestJson(`/api/rooms?${query}`, { timeout: TIMEOUT_MS })
    );
    rooms.push(...answer.rooms);
    after = answer.next;
  }
  return rooms;
}

export class RoomsPoll {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #asking = false;
  #wanted;
  #onRooms;
  #onStatus;
  #onAlarms;

  /**
   * @param {object} options
   * @param {() => readonly string[]} options.wanted rooms to ask about, beside one that is asked about anyway; told after
   *   the list has come
   * @param {(rooms: readonly RoomListed[]) => void} options.onRooms
   * @param {(answer: { status: Status, askedAt: number, receivedAt: number }) => void} options.onStatus
   * @param {(told: readonly IdentityShown[], asked: ReadonlySet<string>) => void} options.onAlarms whose identity is an
   *   alarm in all rooms, where not all are asked about
   */
  constructor({ wanted, onRooms, onStatus, onAlarms }) {
    this.#wanted = wanted;
    this.#onRooms = onRooms;
    this.#onStatus = onStatus;
    this.#onAlarms = onAlarms;
  }

  /** Asks now, and then again and again; while the questions are out, nothing. */
  async now() {
    if (this.#asking) return;
    clearTimeout(this.#timer);
    this.#asking = true;
    let count = 0;
    try {
      const rooms = await fetchRooms();
      count = rooms.length;
      this.#onRooms(rooms);
      const wanted = this.#wanted();
      if (count > wanted.length + 1) this.#onAlarms(await fetchAlarming(), new Set(wanted));
      if (count > 1) await this.#askAbout([...this.#wanted()]); // alarms have other rooms come first
    } catch {
      // away, or an older server, which has no list: the status says what is wrong
    }
    this.#asking = false;
    this.#timer = setTimeout(() => void this.now(), count > 1 && !document.hidden ? SEVERAL_MS : ONE_MS);
  }

  /** @param {string[]} rooms emptied on the way */
  async #askAbout(rooms) {
    const askOn = async () => {
      for (let room = rooms.shift(); room !== undefined; room = rooms.shift()) {
        const askedAt = Date.now();
        const status = await fetchStatus(room);
        this.#onStatus({ status, askedAt, receivedAt: Date.now() });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, askOn));
  }
}
