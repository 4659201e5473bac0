// `compose experiment`: runs an experiment, and writes what came of it.
import { Command } from "@cliffy/command";
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { calls, disk } from "../disk.ts";
import { compileExperiment } from "../experiment/compile.ts";
import { loadExperiment } from "../experiment/load.ts";
import { backgroundFlags } from "./system/detach.ts";
import { ExperimentProgress } from "./experiment_progress.ts";
import { experimentJson, experimentText } from "./experiment_text.ts";
import { Exit, print, readManifest, type Shared } from "./input.ts";
import { makeFolder } from "./output_place.ts";

interface Options extends Shared {
  out?: string;
  quick?: boolean;
  check?: boolean;
}

export const experimentCommand = new Command()
  .description(
    "Run workloads over systems and parameters, and report what they say.\n" +
      "The folder gets results.jsonl, a line for each run as it ends, and at the\n" +
      "end results.csv, plots and report.html. Stopped and started again, it goes\n" +
      "on from what results.jsonl has.",
  )
  .arguments("<file:file>")
  .option("-o, --out <folder:string>", "where results go; else results/NAME, or NAME-quick")
  .option("-q, --quick", "the same in little, as its `quick` section says")
  .option("--check", "say what would be run, and what would not and why; run nothing")
  .example("In little", "compose experiment --quick examples/experiments/overhead.yaml")
  .example("In full", "compose experiment examples/experiments/overhead.yaml --out overhead")
  .action(experiment);

async function experiment(options: Options, file: string): Promise<void> {
  const plan = await compiled(file, options);
  if (options.check) return describe(plan, options);
  const folder = options.out ?? `results/${plan.name}${plan.quick ? "-quick" : ""}`;
  // No other command pays for loading these.
  const { describeHost } = await import("../../runtime/experiment/host.ts");
  const { digestOf, NotOurs, Records } = await import(
    "../../runtime/experiment/records.ts"
  );
  const { runExperiment } = await import("../../runtime/experiment/run_experiment.ts");
  const { writeResults } = await import("../../runtime/experiment/results.ts");
  makeFolder(folder, "results");
  const header = {
    experiment: plan.name,
    digest: await digestOf(plan),
    startedAt: new Date().toISOString(),
    host: describeHost(),
  };
  const open = () => {
    try {
      return Records.open(`${folder}/results.jsonl`, header);
    } catch (failure) {
      if (!(failure instanceof NotOurs)) throw failure;
      console.error(`compose: ${failure.message}\nSay another --out, or remove that file.`);
      Deno.exit(Exit.FAILED);
    }
  };
  using records = open();
  const interruption = new AbortController();
  const interrupt = () => interruption.abort(new Error("interrupted"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, interrupt);
  const progress = new ExperimentProgress(plan, records.runs, !options.json);
  let stopped = false;
  try {
    const runner = { flags: backgroundFlags, signal: interruption.signal };
    await runExperiment(plan, records, runner, progress.before, progress.after);
  } catch (failure) {
    if (!interruption.signal.aborted) throw failure;
    stopped = true;
  }
  progress.end();
  const summary = await writeResults(plan, records, folder);
  if (options.json) console.log(JSON.stringify(experimentJson(summary), null, 2));
  else {
    console.log(experimentText(plan, summary));
    console.log(`\n${folder}/report.html shows it; results.jsonl and results.csv have every run`);
    if (stopped) console.error("compose: interrupted; the same command goes on from here");
  }
  Deno.exit(stopped ? Exit.INTERRUPTED : summary.failures.length > 0 ? Exit.FAILED : Exit.OK);
}

/** The plan, or the end of the command with the diagnostics. */
async function compiled(file: string, options: Options): Promise<ExperimentPlan> {
  const { path } = await readManifest(file);
  const loaded = await loadExperiment(path, disk, options.quick);
  const { plan, diagnostics } = await compileExperiment(loaded, disk, calls);
  if (plan === undefined || diagnostics.length > 0 && !options.json) print(diagnostics, options);
  if (plan === undefined) Deno.exit(Exit.FAILED);
  if (options.quick && !plan.quick) {
    console.error(`compose: ${file} has no section "quick": it is run in full`);
  }
  return plan;
}

function describe(plan: ExperimentPlan, options: Options): void {
  if (options.json) return console.log(JSON.stringify(plan, null, 2));
  for (const { id } of plan.cases) console.log(id);
  for (const { system, workload, parameters, code, reason } of plan.pruned) {
    const values = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
    console.log(`not ${[system, workload, ...values].join(" ")}: ${code}: ${reason}`);
  }
  const runs = plan.cases.length * (plan.warmup + plan.repetitions);
  console.error(
    `${plan.cases.length} combinations, ${runs} runs, ${plan.pruned.length} left out, ` +
      `${plan.merged.length} the same as others`,
  );
}
