// One run of a case, as a record: its figures, or why there are none.
import type { CasePlan, ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { hostLoad } from "./host.ts";
import { countersOf, figuresOf } from "./measure.ts";
import type { RunRecord } from "./records.ts";
import { type Runner, runProcess } from "./run_process.ts";

/** How much of what a failed program printed is kept. */
const KEPT_CHARACTERS = 600;

/**
 * Runs a case once.
 *
 * @param round from 0; the first `warmup` ones do not count
 * @throws the signal's reason when it is aborted
 */
export async function runCase(
  plan: ExperimentPlan,
  one: CasePlan,
  round: number,
  runner: Runner,
): Promise<RunRecord> {
  const workload = plan.workloads.find(({ name }) => name === one.workload)!;
  const startedAt = new Date().toISOString();
  let start = performance.now();
  const began = () => void (start = performance.now());
  const load = hostLoad();
  const record = { case: one.id, round, startedAt, load, counts: round >= plan.warmup };
  const seconds = () => Math.round(performance.now() - start) / 1000;
  const folder = await Deno.makeTempDir({ prefix: "experiment-" });
  try {
    const { machine, command } = one;
    const request = { machine, program: workload.name, command, folder };
    const { report, output, noise, status } = await runProcess(
      request,
      workload.timeoutMs,
      runner,
      began,
    );
    const figures = status === 0
      ? attempt(() => figuresOf(workload.figures, output, report))
      : `the program ended with ${status}`;
    if (typeof figures === "string") {
      const text = `${output}${noise}`.trim().slice(-KEPT_CHARACTERS);
      return { ...record, seconds: seconds(), failure: figures, output: text };
    }
    const counters = countersOf(plan.counters, report);
    return { ...record, seconds: seconds(), figures, counters };
  } catch (failure) {
    runner.signal?.throwIfAborted();
    return { ...record, seconds: seconds(), failure: (failure as Error).message };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The result, or the failure's message. */
function attempt<T>(body: () => T): T | string {
  try {
    return body();
  } catch (failure) {
    return (failure as Error).message;
  }
}
