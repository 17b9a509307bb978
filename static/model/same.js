// @ts-check
/** What a server says again and again, as the same objects as long as it says the same: only what changed is drawn. */

/**
 * @template T what comes as JSON
 * @param {T} before
 * @param {T} after
 * @returns {T}
 */
export function same(before, after) {
  return JSON.stringify(before) === JSON.stringify(after) ? before : after;
}

/**
 * @template T
 * @param {readonly T[]} before
 * @param {readonly T[]} after
 * @param {(one: T) => unknown} keyOf what it is, whatever is said of it
 * @returns {readonly T[]}
 */
export function sameOf(before, after, keyOf) {
  const known = new Map(before.map((one) => [keyOf(one), one]));
  return after.map((one) => {
    const old = known.get(keyOf(one));
    return old === undefined ? one : same(old, one);
  });
}
