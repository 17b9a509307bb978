// @ts-check
/** LiveKit's client, fetched when it is first needed: a page that only watches never loads it. */

/** @typedef {typeof import("livekit-client")} LiveKit */

const CONNECT_TIMEOUT_MS = 12_000;
/** Of a connection to a room. */
export const TIMEOUTS = { peerConnectionTimeout: CONNECT_TIMEOUT_MS, websocketTimeout: CONNECT_TIMEOUT_MS };

/** @type {Promise<LiveKit> | null} */
let loading = null;

/** @returns {Promise<LiveKit>} */
export function loadLiveKit() {
  loading ??= import("livekit-client").then(
    (livekit) => {
      livekit.setLogLevel("silent"); // what matters of it is told in words on the page
      return livekit;
    },
    (error) => {
      loading = null; // the next try may find the server back
      throw error;
    },
  );
  return loading;
}
