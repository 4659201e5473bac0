// An experiment that nobody ran, with results: what tests of reports and tables look at.
import type { CasePlan, ExperimentPlan } from "../../schemas/experiment_plan.ts";
import type { Header, RunRecord } from "../../runtime/experiment/records.ts";

const sizes = ["64", "1024", "65536"];
const systems = ["one", "two"];
const caseOf = (system: string, workload: string, parameters: Record<string, string>): CasePlan => {
  const id = [system, workload, ...Object.values(parameters)].join(" ");
  const baseline = system === "one" ? undefined : id.replace("two", "one");
  return { id, system, workload, parameters, baseline, machine: {} as CasePlan["machine"] };
};
const cases = [
  ...systems.flatMap((system) => sizes.map((size) => caseOf(system, "copy", { size }))),
  ...systems.map((system) => caseOf(system, "call", {})),
  caseOf("one", "broken", {}),
];
/** What each workload measures. */
export const figure = {
  name: "rate",
  title: "calls",
  unit: "1/s",
  better: "higher" as const,
  pattern: "x",
};
/** Two systems, a workload over sizes, one without parameters, and one that fails. */
export const plan: ExperimentPlan = {
  version: 1,
  name: "it",
  title: 'Copies & <calls> of "it"',
  description: "What it costs",
  file: "/it.yaml",
  quick: false,
  systems: systems.map((name) => ({ name, title: name, file: `/a/${name}.yaml` })),
  parameters: [{ name: "size", title: "bytes", values: sizes }],
  workloads: ["copy", "call", "broken"].map((name) => ({
    name,
    title: `a ${name}`,
    timeoutMs: 1000,
    figures: [figure],
  })),
  cases,
  pruned: [{
    system: "two",
    workload: "call",
    parameters: { size: "63" },
    code: "E0110",
    reason: "must be a power of two",
    place: "/a/it.yaml:3:4",
  }],
  merged: [],
  repetitions: 4,
  warmup: 0,
  seed: 3,
  confidence: 0.95,
  counters: ["calls", "spoons"],
};
/** Four rounds, each a hundredth faster than the one before. */
export const runs: RunRecord[] = [0, 1, 2, 3].flatMap((round) =>
  cases.map(({ id, system, workload, parameters }): RunRecord => {
    const run = { case: id, round, counts: true, startedAt: "2026-01-01", seconds: 1 };
    if (workload === "broken") return { ...run, failure: "it ended with 1", output: "a\n<oh>" };
    const rate = (system === "one" ? 1000 : 250) / Number(parameters.size ?? 1) * (1 + round / 100);
    return { ...run, figures: { rate }, counters: { primary: { calls: 5 + round } } };
  })
);
export const header: Header = {
  experiment: "it",
  digest: "d",
  startedAt: "2026-01-02T03:04:05.000Z",
  host: { processor: "Z80", cores: 2, memoryBytes: 2 ** 34, system: "CP/M", deno: "2", v8: "15" },
};
