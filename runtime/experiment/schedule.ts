// The order of runs: each round runs every case once, in an order drawn from the seed and the round alone. So
// what the host does meanwhile falls on all cases alike, and an experiment that is resumed goes on as it would
// have.

/** The cases of a round, shuffled (Fisher and Yates). */
export function roundOf<T>(cases: readonly T[], seed: number, round: number): T[] {
  const order = [...cases];
  const next = generator(seed ^ Math.imul(round + 1, 0x9e37_79b1));
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** xorshift32, seeded through an integer hash, in [0, 1). */
export function generator(seed: number): () => number {
  let state = Math.imul(seed ^ seed >>> 16, 0x21f0_aaad);
  state = Math.imul(state ^ state >>> 15, 0x735a_2d97);
  state = (state ^ state >>> 15) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
