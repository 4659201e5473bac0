// The loop of an experiment: rounds over all cases until each has been run as often as it has to be.
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { runsLeft } from "./progress.ts";
import type { Records, RunRecord } from "./records.ts";
import { runCase } from "./run_case.ts";
import type { Runner } from "./run_process.ts";
import { roundOf } from "./schedule.ts";

/**
 * Runs what is not yet in the records.
 *
 * @param before told of a case that is about to be run
 * @param after told of what came of it; it is in the records
 * @throws the reason of the runner's signal; what was measured is kept
 */
export async function runExperiment(
  plan: ExperimentPlan,
  records: Records,
  runner: Runner,
  before: (id: string) => void = () => {},
  after: (run: RunRecord) => void = () => {},
): Promise<void> {
  const most = plan.warmup + Math.max(plan.repetitions, plan.stop?.most ?? 0);
  for (let round = 0; round < most; round++) {
    for (const one of roundOf(plan.cases, plan.seed, round)) {
      const own = records.runs.filter((run) => run.case === one.id);
      if (own.some((run) => run.round === round) || runsLeft(plan, one, own) === 0) continue;
      runner.signal?.throwIfAborted();
      before(one.id);
      const run = await runCase(plan, one, round, runner);
      records.add(run);
      after(run);
    }
  }
}
