// @ts-check
/** The one answer that the page is for, in few words, from all cards; and the changes worth reading out. */

/** @import { Card, CardState } from "../types/model.js" */
/** @typedef {import("./connection.js").Level} Level */
/** @typedef {import("./connection.js").RecognizerState} RecognizerState */
/** @typedef {import("./rights.js").Rights} Rights */
/** @typedef {"match" | "none" | "looking" | "empty" | "no_reference" | "offline" | "loading"} SummaryKind */
/** @typedef {{ kind: SummaryKind, title: string, detail: string }} Summary */

import { counted, displayName, duration, listed } from "./text.js";

/** More changes than this at once are counted instead of read out one by one. */
const READ_OUT = 3;

/** @type {Readonly<Record<CardState, string>>} */
export const WORDS = {
  match: "Match",
  no_match: "No match",
  no_face: "No face",
  looking: "Looking",
  no_video: "No video",
  error: "Check failed",
  idle: "No reference",
  offline: "Offline",
};

/** @type {Readonly<Record<Rights, string>>} without a reference: what comes first */
const BEGIN = {
  unknown: "",
  look: "An admin can add a photo.",
  change: "Add a photo to begin.",
};

/** @param {Card} card the one word of its state */
export function stateWord(card) {
  return card.reason === "left" ? "Left" : WORDS[card.state];
}

/**
 * @param {readonly Card[]} cards
 * @param {object} about
 * @param {Level} about.level
 * @param {boolean} about.hasReference
 * @param {Rights} about.rights
 * @param {RecognizerState} about.recognizer
 * @param {number} about.now recognizer's clock
 * @returns {Summary}
 */
export function summaryOf(cards, { level, hasReference, rights, recognizer, now }) {
  if (level === "connecting") return { kind: "loading", title: "Connecting…", detail: "" };
  if (level === "offline") return { kind: "offline", title: "Offline", detail: lastKnown(cards) };
  const matching = cards.filter((card) => card.state === "match");
  if (matching.length > 0) return matchSummary(matching, cards, now);
  if (!hasReference) {
    return { kind: "no_reference", title: "No reference", detail: BEGIN[rights] };
  }
  const blind = cards.some((card) => card.reason === "recognizer");
  if (recognizer === "absent" || recognizer === "never") {
    return { kind: "offline", title: "Nobody is looking", detail: "The recognizer is not running." };
  }
  if (blind) return { kind: "offline", title: "Nobody is looking", detail: "The recognizer is out of the room." };
  const present = cards.filter((card) => card.state !== "offline");
  const onCamera = present.filter((card) => card.state !== "no_video");
  if (present.length === 0)
    return { kind: "empty", title: "Nobody here", detail: "Waiting for somebody to join." };
  if (onCamera.length === 0) {
    return {
      kind: "empty",
      title: "Nobody on camera",
      detail: `${counted(present.length, "person", "people")} in the room`,
    };
  }
  const people = `${counted(onCamera.length, "person", "people")} on camera`;
  const checked = onCamera.filter((card) => card.state === "no_match" || card.state === "no_face");
  if (checked.length === 0) return { kind: "looking", title: "Looking…", detail: people };
  return { kind: "none", title: "No match", detail: people };
}

/**
 * @param {readonly Card[]} matching
 * @param {readonly Card[]} cards
 * @param {number} now
 * @returns {Summary}
 */
function matchSummary(matching, cards, now) {
  const present = cards.filter((card) => card.state !== "offline").length;
  const since = Math.min(...matching.map((card) => card.matchSince ?? now));
  const seconds = Math.max(0, (now - since) / 1000);
  const others = present > matching.length ? `, ${counted(present, "person", "people")} in the room` : "";
  const names = listed(matching.map((card) => displayName(card.name, card.identity)));
  if (matching.length > 2) {
    return { kind: "match", title: counted(matching.length, "person", "people"), detail: `${names}${others}` };
  }
  return {
    kind: "match",
    title: names,
    detail: `on camera ${seconds < 2 ? "since just now" : `for ${duration(seconds)}`}${others}`,
  };
}

/** @param {readonly Card[]} cards */
function lastKnown(cards) {
  const matching = cards.filter((card) => card.reason === "page" && card.lastKnown === "match");
  if (matching.length === 0) return "What is shown is the last that was known.";
  return `Last known: match, ${listed(matching.map((card) => displayName(card.name, card.identity)))}.`;
}

/**
 * What changed between two looks at the cards, as one sentence for a screen reader; "" when nothing did. Only
 * answers count: that the next batch has begun is not news.
 *
 * @param {ReadonlyMap<string, string>} before identity to word
 * @param {readonly Card[]} cards
 * @returns {string}
 */
export function announcement(before, cards) {
  const changed = cards.filter((card) => card.state !== "looking" && before.get(card.identity) !== stateWord(card));
  if (changed.length === 0) return "";
  if (changed.length > READ_OUT) {
    const matches = changed.filter((card) => card.state === "match").length;
    const others = changed.length - matches;
    return (
      [matches && counted(matches, "new match", "new matches"), others && counted(others, "other change")]
        .filter(Boolean)
        .join(", ") + "."
    );
  }
  return changed.map((card) => `${displayName(card.name, card.identity)}: ${stateWord(card)}.`).join(" ");
}
