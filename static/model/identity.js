// @ts-check
/** Whether participants are who they are supposed to be, in words for their cards. */

/** @import { IdentityShown } from "../types/people.js" */
/** @typedef {"" | "good" | "quiet" | "warn" | "bad"} IdentityTone "" says nothing */
/** @typedef {{ tone: IdentityTone, words: string }} IdentityWords */

import { OF_THE_PHOTO } from "./persons.js";
import { WORDS } from "./states.js";
import { displayName, isolated } from "./text.js";

/** Of whom nothing is said. */
/** @type {IdentityWords} */
export const NOTHING = { tone: "", words: "" };

/** Why it is not known, where that helps. */
/** @type {Readonly<Record<string, string>>} */
const WHY = {
  recognizer_away: "nobody is looking",
  watch_lost: "nobody is looking",
  no_consent: "did not agree to be compared",
  not_compared: "not to be compared",
  muted: "the camera is off",
  no_frames: "no video arrives",
  encrypted: "the video is encrypted",
  denied: "the video is not shared",
  too_large: "the video is too large",
  camera_gone: "the camera is gone",
};

/**
 * @param {IdentityShown | undefined} told
 * @returns {IdentityWords}
 */
export function identityWords(told) {
  if (told === undefined) return NOTHING;
  const who = told.person_id === null ? "" : personWords(told.person_name);
  const expected = who === "" ? "" : `${WORDS.expected}: ${who}`;
  switch (told.state) {
    case "expected":
      return { tone: "good", words: `${expected} ✓${told.certainty === "sure" ? "" : " (few photos or looks)"}` };
    case "accompanied":
      return { tone: "warn", words: `${expected} ✓, and others` };
    case "unexpected":
      return { tone: "bad", words: unexpectedWords(told, who) };
    case "swapped":
      return { tone: "bad", words: who === "" ? WORDS.face_changed : `${WORDS.face_changed}, expected ${who}` };
    case "not_seen":
      return { tone: "warn", words: `${expected}, nobody there` };
    case "pending":
      return { tone: "quiet", words: `${expected}, not seen yet` };
    case "unknowable": {
      const why = WHY[told.detail ?? ""] ?? "cannot be looked at";
      return expected === "" ? NOTHING : { tone: "quiet", words: `${expected}, ${why}` };
    }
    default:
      return NOTHING; // unbound, absent, and what a later server says
  }
}

/** @param {IdentityShown} told @param {string} who */
function unexpectedWords({ detail, seen_person_name: seen, seen_person_id: id }, who) {
  const other = detail === "other_person" && id !== null ? `: ${personWords(seen)}` : "";
  return `${WORDS.someone_else}${other}, expected ${who}`;
}

/** @param {string | null} name null: the person of the reference photo */
function personWords(name) {
  return name === null ? OF_THE_PHOTO : isolated(displayName(name));
}
