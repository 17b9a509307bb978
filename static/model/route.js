// @ts-check
/** Where on the page somebody is, as the address after its # says, so that every place has a link. */

/** @typedef {"live" | "people" | "history"} Place */
/**
 * @typedef {object} Route
 * @property {Place} place
 * @property {string} id within the place: a room, a person's id, "new", or ""
 * @property {Readonly<Record<string, string>>} params what is asked for there; none of them empty
 */

/** @type {readonly Place[]} */
export const PLACES = ["live", "people", "history"];
/** In place of a person's id: somebody is about to be added. */
export const NEW = "new";

/** @type {Route} */
export const HOME = { place: "live", id: "", params: {} };

/**
 * @param {string} hash `#/people/p_1?day=…`; what does not begin with `#/` leads to something on the page
 * @returns {Route | null} null: it is no place
 */
export function routeOf(hash) {
  if (hash === "" || hash === "#") return HOME;
  if (!hash.startsWith("#/")) return null;
  const [path = "", query = ""] = hash.slice(2).split("?", 2);
  const [name = "", id = ""] = path.split("/", 2);
  const place = PLACES.find((one) => one === name);
  if (place === undefined) return HOME;
  const params = [...new URLSearchParams(query)].filter(([, value]) => value !== "");
  return { place, id: place === "history" ? "" : decoded(id), params: Object.fromEntries(params) };
}

/**
 * @param {Place} place
 * @param {string} [id]
 * @param {Readonly<Record<string, string | number | boolean>>} [params] what is empty, false or 0 is left out
 */
export function hrefOf(place, id = "", params = {}) {
  const wanted = Object.entries(params).filter(([, value]) => value !== "" && value !== false && value !== 0);
  const query = new URLSearchParams(wanted.map(([name, value]) => [name, String(value)])).toString();
  return `#/${place}${id === "" ? "" : `/${encodeURIComponent(id)}`}${query === "" ? "" : `?${query}`}`;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
