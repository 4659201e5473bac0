// Numbers that a seed determines, the same wherever and whenever they are drawn (mulberry32): what a manifest
// leaves to chance is drawn by both halves, and tests are replayed.

/** @returns what draws the next integer, of 32 bits without a sign */
export function seededRandom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return (value ^ (value >>> 14)) >>> 0;
  };
}

/** @returns what draws the next number, from 0 to below 1 */
export function seededFraction(seed: number): () => number {
  const next = seededRandom(seed);
  return () => next() / 2 ** 32;
}
