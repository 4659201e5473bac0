import { assertEquals } from "@std/assert";
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { experimentText } from "./experiment_text.ts";

Deno.test("an experiment of which no run succeeded says so, and which counters there are not", () => {
  const plan = { confidence: 0.95, workloads: [] } as unknown as ExperimentPlan;
  const nothing = { figures: [], counters: new Map(), failures: [] };
  assertEquals(
    experimentText(plan, { ...nothing, missingCounters: [] }),
    "no run has ended as it should",
  );
  assertEquals(
    experimentText(plan, { ...nothing, missingCounters: ["cals", "spin"] }),
    'no run has ended as it should\n\nno domain has counted "cals" and "spin"',
  );
});
