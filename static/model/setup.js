// @ts-check
/** What is set up, in few words: it stands on the button behind which the rest is put away. */

/** @import { Status } from "../types/model.js" */

import { counted, displayName } from "./text.js";

/**
 * @param {Status | null} status
 * @param {string} joinedAs the name under which this page is in the room; "" while it is not
 */
export function setUpWords(status, joinedAs) {
  if (status === null) return "";
  const { reference, people = 0 } = status;
  const others = reference === null ? people : people - 1;
  const known = [reference === null ? "" : "photo in use", others > 0 ? counted(others, "person", "people") : ""];
  const looked = known.filter(Boolean).join(", ") || "no photo yet";
  return joinedAs === "" ? looked : `${looked}, in the room as ${displayName(joinedAs)}`;
}
