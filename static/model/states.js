// @ts-check
/** What somebody before a camera is said to be: one list of words, for cards, lines of what happened, and the README. */

/** @import { Card, CardState, Outcome } from "../types/model.js" */

/** @typedef {CardState | "camera_off" | "expected" | "someone_else" | "face_changed" | "not_watched" | "left"} ShownState */

/** @type {Readonly<Record<ShownState, string>>} */
export const WORDS = {
  match: "Match",
  expected: "Expected",
  someone_else: "Someone else",
  face_changed: "Face changed",
  no_match: "No match",
  no_face: "No face",
  looking: "Looking",
  camera_off: "Camera off",
  no_video: "No video",
  encrypted: "Encrypted",
  denied: "Not shared",
  too_large: "Too large",
  no_consent: "Has not agreed",
  not_compared: "Not compared",
  error: "Check failed",
  idle: "No reference",
  not_watched: "Not watched",
  offline: "Offline",
  left: "Left",
};

/**
 * What a card says: whether somebody is who they should be, where that is known, comes before what was seen last.
 *
 * @param {Card} card
 * @returns {ShownState}
 */
export function shownState({ state, reason, silent, identityState, identityTone }) {
  if (reason === "left") return "left";
  if (reason === "recognizer") return "not_watched"; // the page hears all there is, and nobody looks
  if (identityTone === "bad") return identityState === "swapped" ? "face_changed" : "someone_else";
  if (state === "match" && (identityState === "expected" || identityState === "accompanied")) {
    return identityTone === "" ? "match" : "expected";
  }
  return state === "no_video" && !silent ? "camera_off" : state;
}

/** @param {Card} card the words of its state */
export function stateWord(card) {
  return WORDS[shownState(card)];
}

/** How the end of a batch reads: the state that gives its colour and icon, and its words. */
/** @type {Readonly<Record<Outcome, { state: CardState, words: string }>>} */
export const OUTCOMES = {
  match: { state: "match", words: WORDS.match },
  no_match: { state: "no_match", words: WORDS.no_match },
  no_face: { state: "no_face", words: WORDS.no_face },
  no_frames: { state: "no_video", words: WORDS.no_video },
  muted: { state: "no_video", words: WORDS.camera_off },
  encrypted: { state: "encrypted", words: WORDS.encrypted },
  denied: { state: "denied", words: WORDS.denied },
  too_large: { state: "too_large", words: WORDS.too_large },
  no_reference: { state: "idle", words: WORDS.idle },
  error: { state: "error", words: WORDS.error },
};

/**
 * @param {string} text what a recognizer says, perhaps a later one
 * @returns {text is Outcome}
 */
export function isOutcome(text) {
  return Object.hasOwn(OUTCOMES, text);
}
