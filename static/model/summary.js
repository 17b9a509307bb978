// @ts-check
/** The one answer that the page is for, in few words, from all cards; and the changes worth reading out. */

/** @import { Card, CardState } from "../types/model.js" */
/** @typedef {import("./connection.js").Level} Level */
/** @typedef {import("./connection.js").RecognizerState} RecognizerState */
/** @typedef {import("./rights.js").Rights} Rights */
/** @typedef {"alarm" | "match" | "none" | "looking" | "empty" | "no_reference" | "doubt" | "offline" | "loading"} SummaryKind */
/**
 * @typedef {object} Summary
 * @property {SummaryKind} kind
 * @property {string} lead what comes before the title, where that is names; "" when it is words
 * @property {string} title of an alarm or a match: whose, if they are few
 * @property {string} detail
 * @property {string} who names that belong to the detail, apart from it because nobody translates a name
 * @property {string} about the key of the card that says more; "" when there is none
 */

import { WORDS, stateWord } from "./states.js";
import { ago, counted, displayName, duration, isolated, listed } from "./text.js";

/** More changes than this at once are counted instead of read out one by one. */
const READ_OUT = 3;

/** @type {Readonly<Record<Rights, string>>} without a reference: what comes first */
const BEGIN = {
  unknown: "",
  look: "An admin can add a photo.",
  change: "Add a photo to begin.",
};

/** Nothing of these can be looked at. */
/** @type {ReadonlySet<CardState>} */
const UNSEEN = new Set(["no_video", "encrypted", "denied", "too_large", "no_consent", "not_compared"]);

/** @param {Card} card the words of its state, with who it is, and who it should be where it is not them */
export function answerWords(card) {
  if (card.reason === "" && card.identityTone === "bad") return card.identityWords;
  return [stateWord(card), card.who === "" ? "" : isolated(displayName(card.who))].filter(Boolean).join(", ");
}

/**
 * @param {readonly Card[]} cards
 * @param {object} about
 * @param {Level} about.level
 * @param {number} about.silence seconds since the server last said anything
 * @param {boolean} about.hasReference
 * @param {Rights} about.rights
 * @param {RecognizerState} about.recognizer
 * @param {number} about.now recognizer's clock
 * @returns {Summary}
 */
export function summaryOf(cards, { level, silence, hasReference, rights, recognizer, now }) {
  if (level === "connecting") return said("loading", "Connecting…");
  if (level === "offline") return lastKnown("offline", WORDS.offline, cards);
  if (level === "doubtful") return lastKnown("doubt", `No news for ${duration(silence)}`, cards);
  const alarming = cards.filter((card) => card.identityTone === "bad");
  if (alarming.length > 0) return alarmSummary(alarming);
  const matching = cards.filter((card) => card.state === "match");
  if (matching.length > 0) return matchSummary(matching, cards, now);
  if (!hasReference) return said("no_reference", WORDS.idle, BEGIN[rights]);
  const blind = cards.some((card) => card.reason === "recognizer");
  if (recognizer === "absent" || recognizer === "never") {
    return said("offline", "Nobody is looking", "The recognizer is not running.");
  }
  if (blind) return said("offline", "Nobody is looking", "The recognizer is out of the room.");
  return withEnded(calmSummary(cards), cards, now);
}

/** @param {readonly Card[]} cards when nobody matches, and somebody looks @returns {Summary} */
function calmSummary(cards) {
  const present = cards.filter((card) => card.state !== "offline");
  const onCamera = present.filter((card) => !UNSEEN.has(card.state));
  if (present.length === 0) return said("empty", "Nobody here", "Waiting for somebody to join.");
  if (onCamera.length === 0) {
    return said("empty", "Nobody on camera", `${counted(present.length, "participant")} in the room`);
  }
  const participants = `${counted(onCamera.length, "participant")} on camera`;
  const checked = onCamera.filter((card) => card.state === "no_match" || card.state === "no_face");
  if (checked.length === 0) return said("looking", "Looking…", participants);
  return said("none", WORDS.no_match, participants);
}

/**
 * The same, with who matched until a moment ago, as long as nobody has seen that it is over.
 *
 * @param {Summary} summary
 * @param {readonly Card[]} cards
 * @param {number} now
 * @returns {Summary}
 */
function withEnded(summary, cards, now) {
  const ended = cards.filter((card) => card.matchedAt !== null);
  const [first] = ended;
  if (first === undefined) return summary;
  const last = Math.max(...ended.map((card) => card.matchedAt ?? 0));
  return { ...summary, detail: `matched ${ago(last, now)}:`, who: namesOf(ended), about: first.key };
}

/**
 * @param {SummaryKind} kind
 * @param {string} title
 * @param {string} [detail]
 * @param {string} [who]
 * @returns {Summary}
 */
function said(kind, title, detail = "", who = "") {
  return { kind, lead: "", title, detail, who, about: "" };
}

/** @param {readonly Card[]} alarming @returns {Summary} */
function alarmSummary(alarming) {
  const [first] = alarming;
  const about = first?.key ?? "";
  const names = listed(alarming.map((card) => displayName(card.name, card.identity)));
  if (first === undefined || alarming.length > 1) {
    return { ...said("alarm", counted(alarming.length, "alarm"), "", names), about };
  }
  const lead = first.identityState === "swapped" ? `${WORDS.face_changed}:` : `${WORDS.someone_else} as`;
  return { ...said("alarm", names, first.identityWords), lead, about };
}

/**
 * @param {readonly Card[]} matching
 * @param {readonly Card[]} cards
 * @param {number} now
 * @returns {Summary}
 */
function matchSummary(matching, cards, now) {
  const present = cards.filter((card) => card.state !== "offline").length;
  const began = Math.min(...matching.map((card) => card.matchSince ?? now));
  const seconds = Math.max(0, (now - began) / 1000);
  const others = present > matching.length ? `${counted(present, "participant")} in the room` : "";
  const about = matching[0]?.key ?? "";
  if (matching.length > 2) {
    return { ...said("match", counted(matching.length, "participant"), others, namesOf(matching)), lead: WORDS.match, about };
  }
  const since = seconds < 2 ? "since just now" : `for ${duration(seconds)}`;
  const detail = ["matching ", since, others && ", ", others].join("");
  return { ...said("match", namesOf(matching), detail), lead: WORDS.match, about };
}

/**
 * @param {SummaryKind} kind
 * @param {string} title
 * @param {readonly Card[]} cards
 */
function lastKnown(kind, title, cards) {
  const stale = cards.filter((card) => card.reason === "page" || card.reason === "doubt");
  const matching = stale.filter((card) => card.lastKnown === "match");
  if (matching.length === 0) return said(kind, title, "What is shown is the last that was known.");
  return said(kind, title, "Last known: match,", namesOf(matching));
}

/** @param {readonly Card[]} cards who they are, where that is known, else as whom they joined */
function namesOf(cards) {
  return listed(cards.map((card) => (card.who === "" ? displayName(card.name, card.identity) : displayName(card.who))));
}

/**
 * What changed between two looks at the cards, as one sentence for a screen reader; "" when nothing did. Only
 * answers count: that the next batch has begun is not news.
 *
 * @param {ReadonlyMap<string, string>} before key of the card to word
 * @param {readonly Card[]} cards
 * @returns {string}
 */
export function announcement(before, cards) {
  const changed = cards.filter((card) => card.state !== "looking" && before.get(card.key) !== answerWords(card));
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
  return changed.map((card) => `${isolated(displayName(card.name, card.identity))}: ${answerWords(card)}.`).join(" ");
}
