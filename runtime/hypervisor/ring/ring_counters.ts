// What the calling end of a ring counts, in the ring's header behind what both ends work with: whoever shows
// it reads it there, of any ring, without asking a domain. It outlives the generations of the ring; nobody
// decides anything by it, since either end may write there what it likes.
import { HISTOGRAM_WORDS, type LatencyCount, readHistogram } from "./histogram.ts";

/** Where counters begin in the header, bytes. What lies before belongs to one generation of a ring. */
export const COUNTERS_AT = 512;
const HISTOGRAM_AT = 1024;

/** Places in the counters: numbers of 64 bits, so that they do not wrap. */
export const Counter = {
  /** calls answered */
  CALLS: 0,
  /** times that requests were shown to the server, and the sum of how many were without an answer then */
  PUBLICATIONS: 1,
  OUTSTANDING_SUM: 2,
  OUTSTANDING_MOST: 3,
  /** payload bytes moved into the arena and out of it */
  BYTES_COPIED: 4,
  /** times that the server slept and was woken */
  DOORBELLS: 5,
} as const;
const COUNTERS = 6;

/** What a ring has carried, in all generations. */
export interface RingCounts {
  /** calls that went through it and back */
  calls: number;
  /** requests without an answer, whenever some were shown to the server: the mean, and the most */
  ringOccupancy: number;
  ringOccupancyMost: number;
  /** payload bytes moved into its arena and out of it */
  bytesCopied: number;
  /** times that its server slept and was woken for a call */
  doorbells: number;
  /** calls that were timed, by how long they took from being sent to their answer */
  latencies: LatencyCount[];
}

/** The counters of a ring as numbers that its client counts up. */
export function counterView(memory: ArrayBufferLike): Float64Array {
  return new Float64Array(memory, COUNTERS_AT, COUNTERS);
}

/** The histogram of a ring's calls. */
export function latencyView(memory: ArrayBufferLike): Int32Array {
  return new Int32Array(memory, HISTOGRAM_AT, HISTOGRAM_WORDS);
}

/** What has been counted so far. */
export function readRingCounts(memory: ArrayBufferLike): RingCounts {
  const values = Array.from(
    counterView(memory),
    (value) => value > 0 && value < 2 ** 53 ? value : 0,
  );
  const publications = values[Counter.PUBLICATIONS];
  return {
    calls: values[Counter.CALLS],
    ringOccupancy: publications === 0 ? 0 : values[Counter.OUTSTANDING_SUM] / publications,
    ringOccupancyMost: values[Counter.OUTSTANDING_MOST],
    bytesCopied: values[Counter.BYTES_COPIED],
    doorbells: values[Counter.DOORBELLS],
    latencies: readHistogram(latencyView(memory)),
  };
}

/** Goes on counting in other memory. */
export function moveRingCounts(from: ArrayBufferLike, to: ArrayBufferLike): void {
  counterView(to).set(counterView(from));
  latencyView(to).set(latencyView(from));
}
