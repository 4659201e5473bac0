// When a case has been run often enough: repetitions, then narrow intervals, failures that do not end.
import { assert, assertEquals } from "@std/assert";
import type { CasePlan, ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { runsLeft, whatIsLeft } from "./progress.ts";
import type { RunRecord } from "./records.ts";

const one = { id: "a", workload: "w", system: "s", parameters: {} } as unknown as CasePlan;
const plan = {
  cases: [one],
  workloads: [{ name: "w", figures: [{ name: "rate" }] }],
  repetitions: 3,
  warmup: 1,
  confidence: 0.95,
  stop: { width: 0.05, most: 10 },
} as unknown as ExperimentPlan;

const runs = (...rates: (number | undefined)[]): RunRecord[] =>
  rates.map((rate, round) => ({
    case: "a",
    round,
    counts: round >= 1,
    startedAt: "",
    seconds: 2,
    ...(rate === undefined ? { failure: "it" } : { figures: { rate } }),
  }));

Deno.test("warm-ups and repetitions are run whatever they say", () => {
  assertEquals(runsLeft(plan, one, []), 4);
  assertEquals(runsLeft(plan, one, runs(1, 100, 100)), 1);
});

Deno.test("then intervals decide, up to a limit; warm-ups do not count", () => {
  assertEquals(runsLeft(plan, one, runs(5, 100, 101, 100)), 0);
  // Half the interval is 2.92 times the deviation over the root of three here: a fifth of the mean.
  const wide = runsLeft(plan, one, runs(100, 92, 100, 108));
  assert(wide > 3 && wide <= 7, String(wide));
  assertEquals(runsLeft(plan, one, runs(1, 50, 150, 50, 150, 50, 150, 50, 150, 50, 150)), 0);
});

Deno.test("two failures in a row end a case; one does not", () => {
  assertEquals(runsLeft(plan, one, runs(100, undefined)), 2);
  assertEquals(runsLeft(plan, one, runs(100, undefined, undefined)), 0);
});

Deno.test("time left is that of the runs so far", () => {
  assertEquals(whatIsLeft(plan, []), { runs: 4, seconds: undefined });
  assertEquals(whatIsLeft(plan, runs(1, 100)), { runs: 2, seconds: 4 });
});
