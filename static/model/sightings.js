// @ts-check
/** How a line of what happened reads. */

/** @import { CardState } from "../types/model.js" */
/** @import { SightingLine } from "../types/people.js" */

import { counted, displayName, duration, figure, listed } from "./text.js";

/** Why a camera could not be looked at. */
/** @type {Readonly<Record<string, { state: CardState, words: string }>>} */
const UNSEEN = {
  muted: { state: "no_video", words: "Camera off" },
  no_frames: { state: "no_video", words: "No video arrived" },
  encrypted: { state: "encrypted", words: "Encrypted: cannot be looked at" },
  denied: { state: "denied", words: "Not shared with the recognizer" },
  too_large: { state: "too_large", words: "Frames too large to be looked at" },
  no_reference: { state: "idle", words: "No reference" },
};

/**
 * @param {SightingLine} line
 * @returns {{ state: CardState, words: string, who: string, detail: string }} who: names that belong behind the words
 */
export function lineReading(line) {
  const seconds = Math.max(0, (Date.parse(line.until) - Date.parse(line.began)) / 1000);
  const lasted = seconds < 1 ? "" : duration(seconds);
  switch (line.kind) {
    case "sighting": {
      const best = line.best === null ? "" : `best ${figure(line.best)}`;
      const detail = [lasted, best, counted(line.looks, "look")].filter(Boolean).join(" · ");
      if (line.people.length === 0) return { state: "no_match", words: "Seen, no match", who: "", detail };
      return { state: "match", words: line.going_on ? "Matching" : "Match", who: namesOf(line), detail };
    }
    case "unseen": {
      const { state, words } = UNSEEN[line.reason ?? ""] ?? { state: "error", words: "Check failed" };
      return { state, words, who: "", detail: lasted };
    }
    case "said":
      return { state: "looking", ...saidWords(line), detail: isOfNobody(line) || line.event === null ? "" : `by ${displayName(line.event.by)}` };
    default:
      return { state: "offline", words: line.kind === "joined" ? "Joined" : "Left", who: "", detail: "" };
  }
}

/**
 * The lines with every one that says the same as before being the same object, so that only what changed is drawn.
 *
 * @param {readonly SightingLine[]} before
 * @param {readonly SightingLine[]} after
 * @returns {readonly SightingLine[]}
 */
export function sameLines(before, after) {
  const known = new Map(before.map((line) => [line.cursor, line]));
  return after.map((line) => {
    const old = known.get(line.cursor);
    return old !== undefined && JSON.stringify(old) === JSON.stringify(line) ? old : line;
  });
}

/** @param {SightingLine} line whether it is about no participant, but about who watches */
export function isOfNobody({ event }) {
  return event?.type === "viewing";
}

/** @param {SightingLine} line */
function saidWords({ event }) {
  const who = event?.person_id == null ? "" : personWords(event.person_name ?? null);
  if (event?.type === "viewing") return { words: event.change === "began" ? "Watches the room" : "No longer watches the room", who: "" };
  if (event?.change === "bound") return { words: "Supposed to be", who };
  return { words: event?.change === "acknowledged" ? "Changed face seen to" : "Supposed to be nobody", who: "" };
}

/** @param {SightingLine} line */
function namesOf({ people }) {
  return listed(people.map(({ person_id: id, person_name: name }) => (id === "default" ? personWords(null) : personWords(name, "somebody erased"))));
}

/** @param {string | null} name @param {string} [nobody] */
function personWords(name, nobody = "the person of the photo") {
  return name === null ? nobody : displayName(name);
}
