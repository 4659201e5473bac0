// Tables of the report: numbers under numbers.
import type { ExperimentPlan, WorkloadPlan } from "../../../schemas/experiment_plan.ts";
import { intervalText, numberText, ratioText, valuesText } from "../figure_text.ts";
import type { Summary } from "../summary.ts";
import { element, escapeText } from "./svg.ts";

/** A cell: text, or markup with a class. */
export type Cell = string | { text: string; kind: string };

/** Columns in which nothing is said are left out. @param numbers columns that are numbers */
export function tableOf(allHead: string[], allRows: Cell[][], allNumbers: number[] = []): string {
  const used = allHead.map((_, column) => column).filter((column) =>
    allRows.some((row) => row[column] !== "")
  );
  const head = used.map((column) => allHead[column]);
  const rows = allRows.map((row) => used.map((column) => row[column]));
  const numbers = allNumbers.map((column) => used.indexOf(column));
  const kind = (column: number) => numbers.includes(column) ? "number" : undefined;
  const headings = head.map((title, column) =>
    element("th", { scope: "col", class: kind(column) }, escapeText(title))
  );
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      ...row.map((cell, column) => {
        const { text, kind: own } = typeof cell === "string" ? { text: cell, kind: "" } : cell;
        const classes = [kind(column) ?? "", own].filter((name) => name !== "").join(" ");
        return element("td", { class: classes === "" ? undefined : classes }, escapeText(text));
      }),
    )
  );
  return element(
    "div",
    { class: "table" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...headings)),
      element("tbody", {}, ...body),
    ),
  );
}

/** Every figure of a workload. */
export function figuresTable(
  plan: ExperimentPlan,
  workload: WorkloadPlan,
  summary: Summary,
): string {
  const own = workload.figures.flatMap(({ name }) =>
    summary.figures.filter((each) =>
      each.case.workload === workload.name && each.figure.name === name
    )
  );
  const rows = own.map(({ case: one, figure, sample, ratio }): Cell[] => [
    `${figure.title}, ${figure.unit}`,
    valuesText(plan, one),
    plan.systems.find(({ name }) => name === one.system)!.title,
    intervalText(sample),
    numberText(sample.median),
    `${numberText(sample.least)} – ${numberText(sample.most)}`,
    String(sample.count),
    ratio === undefined ? "–" : { text: ratioText(ratio), kind: verdict(ratio, figure.better) },
  ]);
  const percent = numberText(plan.confidence * 100, 2);
  return tableOf(
    ["figure", "with", "system", `mean ± ${percent}%`, "median", "range", "runs", "to baseline"],
    rows,
    [3, 4, 5, 6, 7],
  );
}

/** "better" or "worse" than the baseline, where the interval says so. */
export function verdict(
  { low, high }: { low: number; high: number },
  better: "higher" | "lower",
): string {
  if (low <= 1 && high >= 1) return "";
  return (low > 1) === (better === "higher") ? "better" : "worse";
}

/** Counters of a workload's domains, each a mean over its runs. */
export function countersTable(
  plan: ExperimentPlan,
  workload: WorkloadPlan,
  { counters }: Summary,
): string {
  const rows: Cell[][] = [];
  const known = plan.counters.filter((name) =>
    [...counters.values()].some((domains) => Object.values(domains).some((own) => name in own))
  );
  for (const one of plan.cases.filter((each) => each.workload === workload.name)) {
    for (const [domain, values] of Object.entries(counters.get(one.id) ?? {})) {
      rows.push([
        valuesText(plan, one),
        one.system,
        domain,
        ...known.map((name) => name in values ? numberText(values[name]) : "–"),
      ]);
    }
  }
  if (rows.length === 0 || known.length === 0) return "";
  const numbers = known.map((_, index) => index + 3);
  return element(
    "details",
    {},
    element("summary", {}, "Counters of the domains, a run"),
    tableOf(["with", "system", "domain", ...known], rows, numbers),
  );
}
