// @ts-check
/** What belongs together, in the order in which it came. */

/**
 * @template T, K
 * @param {Iterable<T>} all
 * @param {(one: T) => K} keyOf
 * @returns {Map<K, T[]>}
 */
export function grouped(all, keyOf) {
  /** @type {Map<K, T[]>} */
  const groups = new Map();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}
