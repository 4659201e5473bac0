// Quantiles are those of printed tables, and intervals hold the truth as often as they say.
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { generator } from "./schedule.ts";
import { incompleteBeta, ratio, studentQuantile, summarize } from "./statistics.ts";

Deno.test("Student's quantiles are those of the table", () => {
  const table: [number, number, number][] = [
    [0.975, 1, 12.706],
    [0.975, 2, 4.303],
    [0.975, 4, 2.776],
    [0.975, 9, 2.262],
    [0.975, 29, 2.045],
    [0.995, 5, 4.032],
    [0.95, 10, 1.812],
    [0.975, 1e6, 1.96],
  ];
  for (const [probability, freedom, value] of table) {
    assertAlmostEquals(studentQuantile(probability, freedom), value, 0.0006);
  }
});

Deno.test("the incomplete beta function at points that are known", () => {
  assertAlmostEquals(incompleteBeta(1, 1, 0.3), 0.3, 1e-12);
  assertAlmostEquals(incompleteBeta(2, 3, 0.4), 0.5248, 1e-12);
  assertAlmostEquals(incompleteBeta(0.5, 0.5, 0.5), 0.5, 1e-12);
});

Deno.test("a sample's mean, deviation, median and interval", () => {
  const sample = summarize([4, 2, 8, 6], 0.95);
  assertEquals([sample.value, sample.median, sample.least, sample.most], [5, 5, 2, 8]);
  assertAlmostEquals(sample.deviation, Math.sqrt(20 / 3), 1e-12);
  assertAlmostEquals(sample.high - 5, 3.182 * Math.sqrt(20 / 3) / 2, 0.001);
  assertEquals(summarize([3], 0.95).high, Infinity);
});

/** Normal variables (Box and Muller) around 100. */
function normal(next: () => number, deviation: number): number {
  return 100 + deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

Deno.test("95 of 100 intervals hold the mean, and those of ratios the ratio", () => {
  const next = generator(7), experiments = 2000;
  let means = 0, ratios = 0;
  for (let experiment = 0; experiment < experiments; experiment++) {
    const a = summarize(Array.from({ length: 5 }, () => normal(next, 10)), 0.95);
    const b = summarize(Array.from({ length: 5 }, () => normal(next, 20) / 2), 0.95);
    if (a.low <= 100 && 100 <= a.high) means++;
    const { low, high } = ratio(b, a, 0.95);
    if (low <= 0.5 && 0.5 <= high) ratios++;
  }
  assert(Math.abs(means / experiments - 0.95) < 0.015, `means: ${means} of ${experiments}`);
  assert(Math.abs(ratios / experiments - 0.95) < 0.025, `ratios: ${ratios} of ${experiments}`);
});
