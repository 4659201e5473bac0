import { assert, assertEquals } from "@std/assert";
import {
  bucketOf,
  bucketStartNs,
  countLatency,
  HISTOGRAM_WORDS,
  mergeHistograms,
  percentileNs,
  readHistogram,
  subtractHistogram,
} from "./histogram.ts";

Deno.test("every time is counted in the bucket around it, which is at most a sixteenth wide", () => {
  for (let ns = 0; ns < 100e9; ns = ns * 1.01 + 7) {
    const bucket = bucketOf(ns);
    const fromNs = bucketStartNs(bucket), toNs = bucketStartNs(bucket + 1);
    assert(fromNs <= ns && ns < toNs, `${ns} is not within ${fromNs} and ${toNs}`);
    assert(toNs - fromNs <= Math.max(64, ns / 16), `${ns}: ${toNs - fromNs} wide`);
  }
});

Deno.test("times that no histogram has room for are counted at its ends", () => {
  for (
    const [ns, bucket] of [[-1, 0], [1e15, HISTOGRAM_WORDS - 1], [Infinity, HISTOGRAM_WORDS - 1]]
  ) {
    assertEquals(bucketOf(ns), bucket);
  }
});

Deno.test("percentiles are within a sixteenth of those of the times themselves", () => {
  const words = new Int32Array(HISTOGRAM_WORDS);
  for (let call = 1; call <= 10_000; call++) countLatency(words, call * 1000);
  const counts = readHistogram(words);
  for (const share of [0.01, 0.5, 0.99, 0.999]) {
    const ns = percentileNs(counts, share)!;
    assert(Math.abs(ns / (share * 10_000 * 1000) - 1) < 1 / 16, `${share}: ${ns}`);
  }
  assertEquals(percentileNs([], 0.5), undefined);
});

Deno.test("histograms can be added, and what came since told apart", () => {
  const words = new Int32Array(HISTOGRAM_WORDS);
  countLatency(words, 1000);
  countLatency(words, 5000);
  const before = readHistogram(words);
  countLatency(words, 5000);
  const now = readHistogram(words);
  const [[fromNs, toNs, count], ...rest] = subtractHistogram(now, before);
  assert(fromNs <= 5000 && 5000 < toNs);
  assertEquals([count, rest], [1, []]);
  assertEquals(mergeHistograms([before, subtractHistogram(now, before)]), now);
});
