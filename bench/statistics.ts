// Medians and spreads of repeated measurements.

/** One row: ours beside a peer, measured in the same run. */
export interface Row {
  case: string;
  unit: string;
  ours: number;
  peer: string;
  peerValue: number;
  /** ours over the peer's, as the unit has it; the goal says which way is better */
  ratio: number;
  goal: string;
  runs: number;
  /** largest ratio over smallest */
  spread: number;
  /** the goal is one that must not be missed, and it was */
  failed?: boolean;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Two measurements of one run. */
export interface Pair {
  ours: number;
  peer: number;
}

/** Puts paired measurements, one of each a run, into a row. */
export function row(
  name: string,
  unit: string,
  peer: string,
  goal: string,
  pairs: Pair[],
): Row {
  const ratios = pairs.map((pair) => pair.ours / pair.peer);
  return {
    case: name,
    unit,
    ours: median(pairs.map((pair) => pair.ours)),
    peer,
    peerValue: median(pairs.map((pair) => pair.peer)),
    ratio: median(ratios),
    goal,
    runs: pairs.length,
    spread: Math.max(...ratios) / Math.min(...ratios),
  };
}
