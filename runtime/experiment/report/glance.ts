// The first table of the report: what is measured in rows, systems in columns, each beside the baseline.
import type { CasePlan, ExperimentPlan } from "../../../schemas/experiment_plan.ts";
import { numberText, valuesText } from "../figure_text.ts";
import type { FigureSummary, Summary } from "../summary.ts";
import { element, escapeText } from "./svg.ts";
import { type Cell, tableOf, verdict } from "./tables.ts";

export function glanceTable(plan: ExperimentPlan, { figures }: Summary): string {
  if (figures.length === 0) return element("p", {}, "Nothing was measured.");
  const { systems } = plan;
  const titleOf = (one: CasePlan) =>
    plan.workloads.find(({ name }) => name === one.workload)!.title;
  const rows = Map.groupBy(figures, ({ case: one, figure }) => {
    const several = figures.some((other) =>
      other.case.workload === one.workload && other.figure.name !== figure.name
    );
    const values = [valuesText(plan, one), several ? figure.title : ""];
    const details = values.filter((text) => text !== "").join(", ");
    return `${titleOf(one)}${details === "" ? "" : `, ${details}`}\n${figure.unit}`;
  });
  const cells = [...rows].map(([key, own]): Cell[] => {
    const [title, unit] = key.split("\n");
    return [title, unit, ...systems.map(({ name }) => cellOf(own, name))];
  });
  const note =
    "A mean, and in brackets how many times that of the baseline it is. Coloured is what the interval " +
    "tells apart from the baseline: better, or worse.";
  const head = ["", "unit", ...systems.map(({ title }) => title)];
  const table = tableOf(head, cells, systems.map((_, index) => index + 2));
  return element("div", { class: "glance" }, table) +
    element("p", { class: "note" }, escapeText(note));
}

function cellOf(own: FigureSummary[], system: string): Cell {
  const found = own.find((each) => each.case.system === system);
  if (found === undefined) return "–";
  const { sample, ratio, figure } = found;
  if (ratio === undefined) return numberText(sample.value);
  return {
    text: `${numberText(sample.value)} (${numberText(ratio.value, 2)})`,
    kind: verdict(ratio, figure.better),
  };
}
