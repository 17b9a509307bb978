// @ts-check
/** What the page says of a person who is enrolled and of their photos. The server's shapes: see net/people.js. */

/** @import { Person, PersonWhole, Photo } from "../types/people.js" */
/** @typedef {{ code: string, short: string, help: string }} Remark */

import { counted, displayName, isolated } from "./text.js";

/** The id of the person of the reference photo, who has no name, and what they are called. */
export const DEFAULT_PERSON = "default";
export const OF_THE_PHOTO = "the person of the photo";

export const ENOUGH_PHOTOS = 3;
/** Of one page of the list. */
export const PAGE = 60;
const DAY_MS = 86_400_000;

/** What is said of a photo that was kept, in a word or two. */
/** @type {Readonly<Record<string, string>>} */
const WEAK = {
  BLURRED: "blurred",
  FEW_TONES: "black and white",
  LOW_CONTRAST: "little contrast",
  OVEREXPOSED: "too bright",
  EYES_HIDDEN: "eyes hidden",
  UNCLEAR: "covered or turned away",
};

/**
 * Why somebody should look at a person, and what would help.
 *
 * @param {Person} person
 * @param {number} now ms
 * @returns {Remark[]}
 */
export function remarksOn(person, now) {
  return person.attention.map((code) => ({ code, ...attentionWords(code, person, now) }));
}

/**
 * @param {string} code
 * @param {Person} person
 * @param {number} now
 * @returns {{ short: string, help: string }}
 */
function attentionWords(code, person, now) {
  switch (code) {
    case "FEW_PHOTOS": {
      const more = counted(ENOUGH_PHOTOS - person.photos, "more photo");
      if (person.photos === 0) return { short: "no photo", help: "Nobody is looked for without a photo. Add three." };
      return {
        short: counted(person.photos, "photo"),
        help: `With three photos they are missed far less often: add ${more}, from other days and angles.`,
      };
    }
    case "UNLIKE_THE_OTHERS":
      return {
        short: "photo unlike the others",
        help: "A photo is unlike the others. If it shows somebody else, remove it or move it: it makes wrong matches.",
      };
    case "NO_BASIS":
      return { short: "no basis", help: "Write down on what basis their photos are kept, or that they agreed." };
    case "DELETE_SOON": {
      const days = Math.max(0, Math.ceil((Date.parse(person.erased_at) - now) / DAY_MS));
      const when = days === 0 ? "today" : days === 1 ? "tomorrow" : `in ${days} days`;
      return { short: `erased ${when}`, help: `They are erased by themselves ${when}. Set a later day to keep them.` };
    }
    case "CONFUSABLE":
      return {
        short: "resembles somebody",
        help: "They resemble somebody else here so much that the two may be taken for each other. More photos help.",
      };
    default: {
      const words = code.toLowerCase().replaceAll("_", " ");
      return { short: words, help: `Look at this: ${words}.` };
    }
  }
}

/**
 * What is noteworthy about a photo that is kept.
 *
 * @param {Photo} photo
 * @param {PersonWhole} person
 * @returns {Remark[]}
 */
export function flagsOf(photo, person) {
  /** @type {Remark[]} */
  const flags = photo.weak.map(({ code, detail }) => ({ code, short: WEAK[code] ?? "weak", help: detail }));
  if (photo.unlike_the_others) {
    const help = "It is far from this person’s other photos: it may show somebody else.";
    flags.unshift({ code: "UNLIKE_THE_OTHERS", short: "unlike the others", help });
  }
  if (photo.origin_person_id !== person.id) {
    const whose = person.merged.find(({ id }) => id === photo.origin_person_id)?.name ?? "";
    flags.push({ code: "MERGED", short: whose === "" ? "was somebody else’s" : `was ${isolated(displayName(whose))}’s`, help: "It came with a merge. A split gives it back." });
  }
  return flags;
}

/**
 * The photos that a split gives back to who was merged into a person.
 *
 * @param {PersonWhole} person
 * @param {string} other
 */
export function photosFrom(person, other) {
  return person.photo_list.filter((photo) => photo.origin_person_id === other).map(({ id }) => id);
}

/** @param {Person} person where they are looked for */
export function whereabouts({ rooms }) {
  if (rooms.length === 0) return "in every room";
  return rooms.length === 1 ? `in ${isolated(rooms[0] ?? "")}` : `in ${counted(rooms.length, "room")}`;
}

/**
 * A photo's face, small.
 *
 * @param {string} url
 * @param {number} side pixels
 */
export function faceUrl(url, side) {
  return `${url}?face=${side}`;
}

/**
 * Rooms as somebody types them, one beside the other.
 *
 * @param {string} text
 */
export function roomsIn(text) {
  const names = text.split(/[,\n]/).map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ""))];
}

/**
 * Which part of a list is shown.
 *
 * @param {number} page from 1
 * @param {number} total
 * @returns {{ from: number, to: number, pages: number }} from and to as people count
 */
export function partOf(page, total) {
  const pages = Math.max(1, Math.ceil(total / PAGE));
  const from = (Math.min(page, pages) - 1) * PAGE;
  return { from: total === 0 ? 0 : from + 1, to: Math.min(total, from + PAGE), pages };
}
