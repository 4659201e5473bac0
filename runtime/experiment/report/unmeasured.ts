// What the report cannot say: runs that failed, combinations without a run, intervals that stayed wide,
// counters that machines do not have.
import type { ExperimentPlan } from "../../../schemas/experiment_plan.ts";
import { numberText } from "../figure_text.ts";
import type { RunRecord } from "../records.ts";
import { countedRuns, type Summary, widestInterval } from "../summary.ts";
import { element, escapeText } from "./svg.ts";
import { tableOf } from "./tables.ts";

export function unmeasured(
  plan: ExperimentPlan,
  runs: readonly RunRecord[],
  summary: Summary,
): string {
  const items = [
    ...summary.missingCounters.map((name) => `Counter ${name}: no domain's report has it.`),
    ...withoutRuns(plan, runs),
    ...wide(plan, runs),
  ];
  const failures = [...Map.groupBy(summary.failures, (run) => `${run.case}\n${run.failure}`)]
    .map(([key, own]) => [...key.split("\n", 2), String(own.length), lastLine(own[0].output)]);
  const parts = [
    items.length === 0
      ? ""
      : element("ul", {}, ...items.map((item) => element("li", {}, escapeText(item)))),
    failures.length === 0
      ? ""
      : tableOf(["combination", "why it failed", "times", "what it printed last"], failures, [2]),
  ];
  const text = parts.join("");
  return text === "" ? element("p", {}, "Nothing: every run gave its figures.") : text;
}

function withoutRuns(plan: ExperimentPlan, runs: readonly RunRecord[]): string[] {
  return plan.cases.filter(({ id }) => !runs.some((run) => run.case === id))
    .map(({ id }) => `${id}: not run; the experiment was stopped before.`);
}

function wide(plan: ExperimentPlan, runs: readonly RunRecord[]): string[] {
  if (plan.stop === undefined) return [];
  const { width: wanted, most } = plan.stop;
  const counted = countedRuns(runs);
  return plan.cases.flatMap((one) => {
    const own = counted.get(one.id) ?? [];
    if (own.length === 0) return [];
    const width = widestInterval(plan, one, own);
    if (width <= wanted) return [];
    const share = Number.isFinite(width) ? `${numberText(width * 100, 2)}%` : "unknown";
    return [
      `${one.id}: half its interval is ${share} of the mean after ${own.length} of ${most} runs.`,
    ];
  });
}

function lastLine(output = ""): string {
  return output.trim().split("\n").at(-1)!.slice(0, 200);
}
