// What is left of an experiment: which cases run again, and how long that takes.
import type { CasePlan, ExperimentPlan } from "../../schemas/experiment_plan.ts";
import type { RunRecord } from "./records.ts";
import { countedRuns, widestInterval } from "./summary.ts";

/** So many failures in a row, and a case is given up. */
const GIVE_UP_AFTER = 2;

/** Runs of a case that are still to be made, as far as can be told from those that were. */
export function runsLeft(plan: ExperimentPlan, one: CasePlan, runs: readonly RunRecord[]): number {
  const own = runs.filter((run) => run.case === one.id);
  const last = own.slice(-GIVE_UP_AFTER);
  if (last.length === GIVE_UP_AFTER && last.every(({ failure }) => failure !== undefined)) return 0;
  const asked = plan.warmup + plan.repetitions - own.length;
  if (asked > 0 || plan.stop === undefined) return Math.max(0, asked);
  const room = plan.warmup + plan.stop.most - own.length;
  if (room <= 0) return 0;
  const counted = countedRuns(own).get(one.id) ?? [];
  const width = widestInterval(plan, one, counted);
  if (width <= plan.stop.width) return 0;
  // The width falls as the square root of the number of runs.
  const needed = counted.length * ((width / plan.stop.width) ** 2 - 1);
  return Math.min(room, Math.max(1, Math.ceil(needed)));
}

/** Runs and time left, all cases together; no time before a run has told how long one takes. */
export function whatIsLeft(
  plan: ExperimentPlan,
  runs: readonly RunRecord[],
): { runs: number; seconds: number | undefined } {
  const byCase = Map.groupBy(runs, (run) => run.case);
  const mean = (some: readonly RunRecord[]) =>
    some.reduce((sum, { seconds }) => sum + seconds, 0) / some.length;
  const usual = runs.length > 0 ? mean(runs) : NaN;
  let left = 0, seconds = 0;
  for (const one of plan.cases) {
    const own = byCase.get(one.id) ?? [];
    const count = runsLeft(plan, one, own);
    left += count;
    seconds += count * (own.length > 0 ? mean(own) : usual);
  }
  return { runs: left, seconds: runs.length > 0 ? seconds : undefined };
}
