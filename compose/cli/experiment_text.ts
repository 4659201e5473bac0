// What an experiment found, as a table, and as data for other programs.
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { intervalText, ratioText, valuesText } from "../../runtime/experiment/figure_text.ts";
import type { Summary } from "../../runtime/experiment/summary.ts";
import { table } from "./table.ts";

export function experimentText(plan: ExperimentPlan, summary: Summary): string {
  const rows = summary.figures.map(({ case: one, figure, sample, ratio }) => [
    plan.workloads.find(({ name }) => name === one.workload)!.name,
    valuesText(plan, one),
    one.system,
    figure.name,
    `${intervalText(sample)} ${figure.unit}`,
    String(sample.count),
    ratio === undefined ? "" : ratioText(ratio),
  ]);
  const percent = `${plan.confidence * 100}% interval`;
  const head = ["workload", "with", "system", "figure", `mean, ${percent}`, "runs", "to baseline"];
  const missing = summary.missingCounters.map((name) => `"${name}"`);
  return [
    rows.length === 0 ? "no run has ended as it should" : table(head, rows),
    ...(missing.length === 0 ? [] : [`no domain has counted ${missing.join(" and ")}`]),
  ].join("\n\n");
}

/** The same as plain data: machines are left out, which `--check --json` tells. */
export function experimentJson(summary: Summary): unknown {
  const { figures, counters, failures, missingCounters } = summary;
  return {
    figures: figures.map(({ case: one, figure, sample, ratio }) => ({
      case: one.id,
      workload: one.workload,
      system: one.system,
      parameters: one.parameters,
      figure: figure.name,
      unit: figure.unit,
      better: figure.better,
      ...sample,
      baseline: one.baseline,
      ratio,
    })),
    counters: Object.fromEntries(counters),
    failures,
    missingCounters,
  };
}
