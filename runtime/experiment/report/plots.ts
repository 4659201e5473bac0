// Which plot a figure gets: lines where a parameter has several numbers, else bars.
import type { ExperimentPlan, FigurePlan, WorkloadPlan } from "../../../schemas/experiment_plan.ts";
import { intervalText, numberText, valuesText } from "../figure_text.ts";
import type { FigureSummary, Summary } from "../summary.ts";
import { barPlot } from "./bar_plot.ts";
import { linePlot } from "./line_plot.ts";
import type { Plot } from "./svg.ts";

/** A line says more than bars from so many points on. */
const POINTS_OF_A_LINE = 3;

/** The plot of a figure; undefined where nothing was measured. */
export function plotOf(
  plan: ExperimentPlan,
  workload: WorkloadPlan,
  figure: FigurePlan,
  summary: Summary,
): Plot | undefined {
  const measured = summary.figures.filter((each) =>
    each.case.workload === workload.name && each.figure.name === figure.name
  );
  if (measured.length === 0) return undefined;
  const better = figure.better === "higher" ? "more is better" : "less is better";
  const title = `${workload.title}: ${figure.title}`;
  const unit = `${figure.unit}, ${better}`;
  const horizontal = horizontalParameter(plan, measured);
  const series = (name: string) => plan.systems.findIndex((system) => system.name === name);
  const nameOf = (name: string) => plan.systems[series(name)].title;
  if (horizontal === undefined) {
    const groups = groupsOf(measured, (each) => valuesText(plan, each.case));
    return barPlot(
      title,
      unit,
      groups.map(([name, members]) => ({
        name,
        bars: members.map(({ case: { system }, sample, ratio }) => ({
          name: nameOf(system),
          series: series(system),
          mean: sample,
          runs: sample.values,
          note: `${intervalText(sample)}${
            ratio ? ` (${numberText(ratio.value)} of baseline)` : ""
          }`,
        })),
      })),
    );
  }
  const panels = groupsOf(measured, ({ case: one }) => {
    const others = Object.entries(one.parameters).filter(([name]) => name !== horizontal.name);
    return valuesText(plan, { parameters: Object.fromEntries(others) });
  });
  return linePlot(
    title,
    unit,
    horizontal.unit === "" ? horizontal.title : `${horizontal.title}, ${horizontal.unit}`,
    panels.map(([name, members]) => ({
      name,
      lines: groupsOf(members, (each) => each.case.system).map(([system, own]) => ({
        name: nameOf(system),
        series: series(system),
        points: own.map((each) => ({
          x: amountOf(each.case.parameters[horizontal.name])!.value,
          mean: each.sample,
        })),
      })),
    })),
  );
}

/** The parameter of the horizontal axis: that with the most numbers, of those with enough of them. */
function horizontalParameter(plan: ExperimentPlan, measured: FigureSummary[]) {
  const candidates = plan.parameters.flatMap(({ name, title, values }) => {
    const amounts = values.map(amountOf);
    const units = new Set(amounts.map((amount) => amount?.unit));
    const own = measured.map((each) => each.case.parameters[name]);
    const fits = units.size === 1 && !units.has(undefined) && !own.includes(undefined!) &&
      new Set(own).size >= POINTS_OF_A_LINE;
    return fits ? [{ name, title, unit: amounts[0]!.unit, count: values.length }] : [];
  });
  return candidates.sort((a, b) => b.count - a.count)[0];
}

/** A number with a unit, which may be none; undefined for what is something else. */
function amountOf(text: string): { value: number; unit: string } | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z%]*)$/.exec(text);
  return match === null ? undefined : { value: Number(match[1]), unit: match[2] };
}

function groupsOf<T>(items: T[], key: (item: T) => string): [string, T[]][] {
  return [...Map.groupBy(items, key)];
}
