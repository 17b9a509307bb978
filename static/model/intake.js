// @ts-check
/** Photos on their way to a person: a row for each, from the file to what became of it. Pure. */

/** @import { PhotoResult } from "../types/people.js" */
/** @typedef {"good" | "warn" | "bad"} Tone */
/**
 * What became of a file, in a sentence.
 *
 * @typedef {object} Verdict
 * @property {Tone} tone
 * @property {string} code "" when it was taken
 * @property {string} words
 * @property {string} anyway the code with which it is taken all the same; "": it cannot be
 * @property {string} other whom it is about besides; "": nobody
 */
/**
 * @typedef {object} Row
 * @property {number} key
 * @property {File} file
 * @property {"waiting" | "sending" | "looking" | "done" | "failed"} state failed: it did not get there
 * @property {number} sent 0 to 1
 * @property {readonly string[]} anyway codes that whoever sends it has read
 * @property {Verdict | null} verdict
 */

/** What is taken all the same by whoever has looked at it. */
const ANYWAY = new Set(["UNLIKE_THE_OTHERS", "OTHER_PERSON", "ERASED_BEFORE"]);

/**
 * @param {readonly Row[]} rows
 * @param {readonly File[]} files
 * @returns {readonly Row[]}
 */
export function withFiles(rows, files) {
  const first = Math.max(0, ...rows.map(({ key }) => key)) + 1;
  const added = files.map(
    (file, index) =>
      /** @type {Row} */ ({ key: first + index, file, state: "waiting", sent: 0, anyway: [], verdict: null }),
  );
  return [...rows, ...added];
}

/**
 * @param {readonly Row[]} rows
 * @param {number} key
 * @param {Partial<Row>} change
 * @returns {readonly Row[]}
 */
export function changed(rows, key, change) {
  return rows.map((row) => (row.key === key ? { ...row, ...change } : row));
}

/** @param {readonly Row[]} rows @param {number} key */
export function without(rows, key) {
  return rows.filter((row) => row.key !== key);
}

/** @param {readonly Row[]} rows the one to send next; null while one is on its way, or none waits */
export function nextOf(rows) {
  if (rows.some(({ state }) => state === "sending" || state === "looking")) return null;
  return rows.find(({ state }) => state === "waiting") ?? null;
}

/**
 * Once more, with what was read about it.
 *
 * @param {Row} row
 * @returns {Partial<Row>}
 */
export function again({ anyway, verdict }) {
  const code = verdict?.anyway ?? "";
  return {
    state: "waiting",
    sent: 0,
    verdict: null,
    anyway: code === "" || anyway.includes(code) ? anyway : [...anyway, code],
  };
}

/**
 * @param {PhotoResult} result
 * @param {string} personId whose it was to be
 * @returns {Verdict}
 */
export function verdictOn(result, personId) {
  const other = result.person_id === personId ? "" : (result.person_id ?? "");
  if (!result.ok || result.photo === null) {
    const code = result.code ?? "REFUSED";
    const words = result.detail ?? "The photo was not taken.";
    return { tone: "bad", code, words, anyway: ANYWAY.has(code) ? code : "", other };
  }
  const { weak, unlike_the_others: unlike } = result.photo;
  const lacks = weak.map(({ detail }) => detail);
  if (unlike) lacks.unshift("It is unlike the others.");
  if (lacks.length > 0) {
    return { tone: "warn", code: "", words: `Added, but it helps less. ${lacks.join(" ")}`, anyway: "", other: "" };
  }
  const turned = result.turned ? " It was turned upright." : "";
  return { tone: "good", code: "", words: `Added: a clear photo.${turned}`, anyway: "", other: "" };
}

/** @param {readonly Row[]} rows in a sentence, for who does not see them */
export function progressOf(rows) {
  const done = rows.filter(({ state }) => state === "done" || state === "failed");
  const taken = done.filter(({ verdict }) => verdict !== null && verdict.tone !== "bad").length;
  if (rows.length === 0) return "";
  if (done.length < rows.length) return `${done.length} of ${rows.length} photos looked at.`;
  return `${taken} of ${rows.length} ${rows.length === 1 ? "photo" : "photos"} added.`;
}
