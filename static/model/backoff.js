// @ts-check
/** When to try again: a doubling ceiling, half of it at random, so that many pages do not come back as one. */

export const FIRST_MS = 500;
export const CEILING_MS = 15_000;

/**
 * @param {number} attempt 1 for the first retry
 * @param {() => number} random 0 to 1
 * @returns {number} milliseconds to wait
 */
export function retryDelay(attempt, random) {
  const ceiling = Math.min(CEILING_MS, FIRST_MS * 2 ** (attempt - 1));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}
