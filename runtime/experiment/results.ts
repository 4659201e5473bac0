// The folder of an experiment's results, but for the runs themselves: what is made of them each time.
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { csvText } from "./csv.ts";
import type { Records } from "./records.ts";
import { summarizeRuns, type Summary } from "./summary.ts";

/** Writes results.csv. */
export async function writeResults(
  plan: ExperimentPlan,
  { runs }: Records,
  folder: string,
): Promise<Summary> {
  const summary = summarizeRuns(plan, runs);
  await Deno.writeTextFile(`${folder}/results.csv`, csvText(plan, runs));
  return summary;
}
