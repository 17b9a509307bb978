// @ts-check
/** Words and figures as the page shows them. */

/** What breaks a line, and what turns the direction of the text around it. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;
const INVISIBLE = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}]*$/u;

/**
 * A name that can neither break out of its place nor hide: without control characters, and said to be invisible
 * when nothing of it shows.
 *
 * @param {string} name
 * @param {string} [fallback] shown when the name shows nothing
 */
export function displayName(name, fallback = "(no visible name)") {
  const clean = name.replace(CONTROL, " ").replace(DIRECTION, "").trim();
  return INVISIBLE.test(clean) ? fallback : clean;
}

/**
 * A name as part of a sentence: between the characters that keep its direction to itself, which no name contains
 * (`displayName`), so that it can be told from the words around it.
 *
 * @param {string} name as `displayName` gives it
 */
export function isolated(name) {
  return `\u2068${name}\u2069`;
}

/** @param {string} words with isolated names @returns {{ text: string, name: boolean }[]} */
export function partsOf(words) {
  return words
    .split(/(\u2068[^\u2069]*\u2069)/)
    .filter((part) => part !== "")
    .map((part) => (part.startsWith("\u2068") ? { text: part.slice(1, -1), name: true } : { text: part, name: false }));
}

/** @param {string} name one or two letters for a card without a picture */
export function initials(name) {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  const letters = words.slice(0, 2).map((word) => [...word][0] ?? "");
  return letters.join("").toLocaleUpperCase() || "?";
}

/**
 * @param {number} at
 * @param {number} now both in milliseconds of one clock
 */
export function ago(at, now) {
  const seconds = Math.max(0, Math.floor((now - at) / 1000));
  if (seconds < 3) return "just now";
  return `${duration(seconds)} ago`;
}

/** @param {number} seconds in the largest unit that says enough */
export function duration(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) {
    const minutes = Math.floor((seconds % 3600) / 60);
    return minutes === 0 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 3600)} h ${minutes} min`;
  }
  const days = Math.floor(seconds / 86_400);
  return days === 1 ? "1 day" : `${days} days`;
}

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const HOUR = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/**
 * The time of day as the reader's language writes it; with the date when it is not today's.
 *
 * @param {number} at
 * @param {number} now
 */
export function clockTime(at, now) {
  return new Date(at).toDateString() === new Date(now).toDateString() ? TIME.format(at) : fullTime(at);
}

/** @param {number} at the same with its date, where that matters */
export function fullTime(at) {
  return DAY_AND_TIME.format(at);
}

/** @param {number} at a whole hour of a scale, in the same way of writing */
export function hourTime(at) {
  return HOUR.format(at);
}

/** @param {number} at a date alone */
export function dayTime(at) {
  return DAY.format(at);
}

/** @param {number} score confidence or distance: two decimals, as thresholds are given */
export function figure(score) {
  return score.toFixed(2);
}

/** @param {number} bytes in MB */
export function megabytes(bytes) {
  const mb = bytes / 1_000_000;
  return `${mb < 10 ? mb.toFixed(1) : Math.round(mb)} MB`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** @param {string[]} names "A", "A and B", "A, B and 3 more" */
export function listed(names) {
  const [first = "", second = ""] = names;
  if (names.length <= 1) return first;
  if (names.length === 2) return `${first} and ${second}`;
  return `${first}, ${second} and ${names.length - 2} more`;
}
