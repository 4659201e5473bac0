// The folder of an experiment's results, but for the runs themselves: what is made of them each time.
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { csvText } from "./csv.ts";
import type { Records } from "./records.ts";
import { pageText } from "./report/page.ts";
import { plotOf } from "./report/plots.ts";
import { svgFile } from "./report/svg.ts";
import { summarizeRuns, type Summary } from "./summary.ts";

/** Writes results.csv, plots and report.html. */
export async function writeResults(
  plan: ExperimentPlan,
  { header, runs }: Pick<Records, "header" | "runs">,
  folder: string,
): Promise<Summary> {
  const summary = summarizeRuns(plan, runs);
  await Deno.writeTextFile(`${folder}/results.csv`, csvText(plan, runs));
  await Deno.mkdir(`${folder}/plots`, { recursive: true });
  for (const workload of plan.workloads) {
    for (const figure of workload.figures) {
      const plot = plotOf(plan, workload, figure, summary);
      if (plot === undefined) continue;
      const name = `${workload.name}-${figure.name}.svg`;
      await Deno.writeTextFile(`${folder}/plots/${name}`, svgFile(plot));
    }
  }
  await Deno.writeTextFile(`${folder}/report.html`, pageText(plan, header, runs, summary));
  return summary;
}
