// How long calls took, as counts over a log-linear scale in words that others may read: sixteen buckets an
// octave, so that a percentile is wrong by at most a sixteenth. One thread writes; nothing is allocated.

/** Nanoseconds of the finest step: times below sixteen of them are counted linearly. */
const STEP_NS = 64;
const PER_OCTAVE = 16;
const MOST_STEPS = 0x7fff_ffff;

/** Words that a histogram takes: up to two minutes. */
export const HISTOGRAM_WORDS = 448;

/** One bucket that is not empty: times of at least `fromNs` and below `toNs`. */
export type LatencyCount = [fromNs: number, toNs: number, count: number];

/** Counts a time. @param words of {@link HISTOGRAM_WORDS} */
export function countLatency(words: Int32Array, ns: number): void {
  words[bucketOf(ns)]++;
}

/** The bucket that a time is counted in. */
export function bucketOf(ns: number): number {
  const steps = Math.max(0, Math.min(ns / STEP_NS, MOST_STEPS)) | 0;
  if (steps < PER_OCTAVE) return steps;
  const octave = 31 - Math.clz32(steps);
  return (octave - 3) * PER_OCTAVE + (steps >>> octave - 4 & PER_OCTAVE - 1);
}

/** Where a bucket begins, nanoseconds. It ends where the next one begins. */
export function bucketStartNs(bucket: number): number {
  if (bucket < PER_OCTAVE) return bucket * STEP_NS;
  const octave = Math.floor(bucket / PER_OCTAVE) + 3;
  return (PER_OCTAVE + bucket % PER_OCTAVE) * 2 ** (octave - 4) * STEP_NS;
}

/** What has been counted so far, in the order of times. The words are a domain's: they may say anything. */
export function readHistogram(words: Int32Array): LatencyCount[] {
  const counts: LatencyCount[] = [];
  for (let bucket = 0; bucket < HISTOGRAM_WORDS; bucket++) {
    const count = words[bucket];
    if (count > 0) counts.push([bucketStartNs(bucket), bucketStartNs(bucket + 1), count]);
  }
  return counts;
}

/** Counts of several histograms as those of one. */
export function mergeHistograms(histograms: LatencyCount[][]): LatencyCount[] {
  const merged = new Map<number, LatencyCount>();
  for (const [fromNs, toNs, count] of histograms.flat()) {
    merged.set(fromNs, [fromNs, toNs, count + (merged.get(fromNs)?.[2] ?? 0)]);
  }
  return [...merged.values()].sort(([a], [b]) => a - b);
}

/** What was counted between two looks at one histogram. */
export function subtractHistogram(now: LatencyCount[], before: LatencyCount[]): LatencyCount[] {
  const earlier = new Map(before.map(([fromNs, , count]) => [fromNs, count]));
  return now.map(([fromNs, toNs, count]): LatencyCount => [
    fromNs,
    toNs,
    count - (earlier.get(fromNs) ?? 0),
  ]).filter(([, , count]) => count > 0);
}

/**
 * The time that a share of the calls did not exceed, nanoseconds; undefined where none was counted.
 * @param share 0.5 for the median
 */
export function percentileNs(counts: LatencyCount[], share: number): number | undefined {
  const total = counts.reduce((sum, [, , count]) => sum + count, 0);
  if (total === 0) return undefined;
  let left = share * total;
  for (const [fromNs, toNs, count] of counts) {
    if (left <= count) return Math.round(fromNs + (toNs - fromNs) * left / count);
    left -= count;
  }
  return counts.at(-1)![1];
}
