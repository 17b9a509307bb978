// @ts-check
/** What went wrong with a camera, a microphone or a room, in words that say what to do. */

/** LiveKit's reasons of a disconnection after which this page does not come back by itself. */
const FINAL_REASONS = new Map([
  [2, "Somebody joined with the same name, so this page left the room. Choose another name to join again."],
  [4, "You were removed from the room."],
  [5, "The room was closed."],
  [10, "The room was closed."],
]);

/** @param {unknown} error */
function nameOf(error) {
  return error instanceof Error ? error.name : "";
}

/**
 * @param {unknown} error of getUserMedia
 * @param {"camera" | "microphone"} device
 * @returns {string}
 */
export function deviceWords(error, device) {
  switch (nameOf(error)) {
    case "NotAllowedError":
    case "SecurityError":
      return `The browser did not allow the ${device}. Allow it in the address bar’s site settings, then try again.`;
    case "NotFoundError":
    case "DevicesNotFoundError":
      return `No ${device} was found. Connect one, then try again.`;
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return `The ${device} does not answer: another program may be using it. Close that, then try again.`;
    case "OverconstrainedError":
      return `The ${device} that was chosen is gone. Choose another one.`;
    case "DeviceUnsupportedError":
    case "TypeError":
      return `This browser gives no page a ${device} here: open this page by https or on localhost.`;
    default:
      return `The ${device} could not be started. Try again, or choose another one.`;
  }
}

/**
 * @param {unknown} error of a connection to the room
 * @param {string} url the server's address
 * @returns {string}
 */
export function connectWords(error, url) {
  const reason = error instanceof Error && "reason" in error ? error.reason : null;
  if (nameOf(error) === "ConnectionError" && reason === 0) {
    return "The video server refused the token. The server's LIVEKIT_API_KEY and LIVEKIT_API_SECRET may be wrong.";
  }
  return `The video server at ${url} does not answer. Check that it is running and can be reached from this machine.`;
}

/**
 * @param {number | undefined} reason of a disconnection
 * @returns {string | null} null when it is worth coming back by itself
 */
export function farewell(reason) {
  return reason === undefined ? null : (FINAL_REASONS.get(reason) ?? null);
}
