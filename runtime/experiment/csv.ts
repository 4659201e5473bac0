// results.csv: a row for each figure of each run, as spreadsheets and statistics programs read it (RFC 4180).
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import type { RunRecord } from "./records.ts";
import { figuresOfCase } from "./summary.ts";

/** The table as text; runs that failed have their reason in place of a value. */
export function csvText(plan: ExperimentPlan, runs: readonly RunRecord[]): string {
  const parameters = plan.parameters.map(({ name }) => name);
  const head = [
    "workload",
    "system",
    ...parameters,
    "round",
    "warmup",
    "started",
    "figure",
    "value",
    "unit",
    "failure",
  ];
  const rows = runs.flatMap((run) => {
    const one = plan.cases.find(({ id }) => id === run.case)!;
    const begin = [
      one.workload,
      one.system,
      ...parameters.map((name) => one.parameters[name] ?? ""),
      run.round,
      run.counts ? 0 : 1,
      run.startedAt,
    ];
    return figuresOfCase(plan, one).map(({ name, unit }) => [
      ...begin,
      name,
      run.figures?.[name] ?? "",
      unit,
      run.failure ?? "",
    ]);
  });
  return [head, ...rows].map((row) => row.map(field).join(",") + "\r\n").join("");
}

function field(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
