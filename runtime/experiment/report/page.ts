// report.html: one file that asks nothing of elsewhere. What ran, what it says beside its baseline, what did
// not run and why, and on what machine.
import type { ExperimentPlan, WorkloadPlan } from "../../../schemas/experiment_plan.ts";
import { numberText } from "../figure_text.ts";
import type { Header, RunRecord } from "../records.ts";
import type { Summary } from "../summary.ts";
import { glanceTable } from "./glance.ts";
import { pageStyle } from "./page_style.ts";
import { leftOut, oneMachine } from "./left_out.ts";
import { plotOf } from "./plots.ts";
import { element, escapeText, inlineSvg } from "./svg.ts";
import { countersTable, figuresTable, tableOf } from "./tables.ts";
import { unmeasured } from "./unmeasured.ts";

/** The page. */
export function pageText(
  plan: ExperimentPlan,
  header: Header,
  runs: readonly RunRecord[],
  summary: Summary,
): string {
  const sections = [
    element("h1", {}, escapeText(plan.title)),
    plan.description === "" ? "" : paragraph("lead", plan.description),
    factsOf(plan, header, runs),
    heading("At a glance"),
    glanceTable(plan, summary),
    ...plan.workloads.map((workload) => workloadSection(plan, workload, summary)),
    leftOut(plan),
    oneMachine(plan),
    heading("What was not measured, and why"),
    unmeasured(plan, runs, summary),
    heading("How it was measured"),
    paragraph("", method(plan)),
    systemsTable(plan),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(plan.title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
${sections.filter((section) => section !== "").join("\n")}
</main>
</body>
</html>
`;
}

function heading(text: string): string {
  return element("h2", {}, escapeText(text));
}

function paragraph(kind: string, text: string): string {
  return element("p", kind === "" ? {} : { class: kind }, escapeText(text));
}

/** What ran, on what, when. */
function factsOf(plan: ExperimentPlan, { host, startedAt }: Header, runs: readonly RunRecord[]) {
  const spent = runs.reduce((sum, { seconds }) => sum + seconds, 0);
  const facts: [string, string][] = [
    ["began", `${startedAt.slice(0, 16).replace("T", " ")} UTC`],
    [
      "runs",
      `${runs.length}, of ${plan.cases.length} combinations, in ${numberText(spent / 60, 2)} min`,
    ],
    ["manifest", plan.file.split("/").slice(-2).join("/")],
    ["form", plan.quick ? "in little (--quick)" : "in full"],
    ["processor", `${host.processor}, ${host.cores} cores`],
    ["memory", `${numberText(host.memoryBytes / 2 ** 30)} GiB`],
    ["system", host.system],
    ["Deno", `${host.deno}, V8 ${host.v8}`],
    ...loadFact(runs),
  ];
  return element(
    "dl",
    { class: "facts" },
    ...facts.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, escapeText(value)))
    ),
  );
}

/** What else the host did: a load above its cores means that runs were disturbed. */
function loadFact(runs: readonly RunRecord[]): [string, string][] {
  const loads = runs.flatMap(({ load }) => load === undefined ? [] : [load]).sort((a, b) => a - b);
  if (loads.length === 0) return [];
  const [least, middle, most] = [loads[0], loads[loads.length >> 1], loads.at(-1)!];
  return [["load", `${middle} (${least} to ${most}); a run alone is about 2`]];
}

function workloadSection(plan: ExperimentPlan, workload: WorkloadPlan, summary: Summary): string {
  const plots = workload.figures.flatMap((figure) => {
    const plot = plotOf(plan, workload, figure, summary);
    if (plot === undefined) return [];
    const caption = element("figcaption", {}, escapeText(plot.title));
    return [element("figure", {}, inlineSvg(plot), caption)];
  });
  if (plots.length === 0) return "";
  return [
    element("h2", { id: workload.name }, escapeText(workload.title)),
    ...plots,
    figuresTable(plan, workload, summary),
    countersTable(plan, workload, summary),
  ].join("\n");
}

function method({ warmup, repetitions, stop, seed, confidence }: ExperimentPlan): string {
  const percent = `${numberText(confidence * 100, 2)}%`;
  const going = stop === undefined
    ? ""
    : ` Runs went on until half the interval was ${
      numberText(stop.width * 100, 2)
    }% of the mean, at most ${stop.most} times; that intervals decide when to stop makes them a little too narrow.`;
  const before = warmup === 0 ? "" : ` ${warmup} before them did not count.`;
  return `Each run is a process of its own, with a machine and a disk of its own. Every combination was run ` +
    `${repetitions} times.${before}${going} A round runs each combination once, in an order drawn from seed ` +
    `${seed}, so that what else the host did fell on all alike. Intervals of means are Student's, at ${percent}; ` +
    `those of ratios to the baseline take their logarithms to be normal, with Welch's degrees of freedom. ` +
    `An interval is of the mean of such runs on this host at that time, and of nothing else.`;
}

function systemsTable(plan: ExperimentPlan): string {
  const rows = plan.systems.map(({ name, title, file }) => [
    name,
    title,
    file.split("/").slice(-2).join("/"),
  ]);
  return tableOf(["system", "what it is", "manifest"], rows);
}
