// Loaded experiment -> diagnostics -> plan: each combination's machine is compiled as its system would be. One
// that only a parameter makes invalid is pruned with the compiler's own words; one that is wrong without any is
// a mistake of the manifest.
import type {
  CasePlan,
  Combination,
  ExperimentPlan,
  FigurePlan,
  HostCommand,
  MergedCase,
  PrunedCase,
} from "../../schemas/experiment_plan.ts";
import type { Experiment } from "../../schemas/experiment_shape.ts";
import type { Plan } from "../../schemas/plan.ts";
import { compile } from "../compiler.ts";
import { type Diagnostic, isError } from "../diagnostic/diagnostic.ts";
import type { CallGroup } from "../plan/plan.ts";
import { decodeSystem, type Reader } from "../source/load.ts";
import { nodeAt, type Span } from "../source/node.ts";
import { checkExperiment } from "./check.ts";
import { baselineOf, combinationsOf, excludedBy, idOf } from "./combinations.ts";
import type { LoadedExperiment } from "./load.ts";
import { machineTree } from "./machine_tree.ts";
import { substituteText } from "./trees.ts";

interface Compiled {
  machine?: Plan;
  errors: Diagnostic[];
  /** about what the experiment itself says */
  warnings: Diagnostic[];
}

/** Codes of fields that there are not, and of values that their fields do not take: ranges are another matter. */
const STRUCTURE = /^E010[34679]$/;

/** The plan of an experiment without errors. */
export async function compileExperiment(
  loaded: LoadedExperiment,
  reader: Reader,
  calls: readonly CallGroup[],
): Promise<{ plan?: ExperimentPlan; diagnostics: Diagnostic[] }> {
  const { experiment, root, systems, quick } = loaded;
  const diagnostics = [...loaded.diagnostics];
  const report = (diagnostic: Diagnostic) => void diagnostics.push(diagnostic);
  if (experiment !== undefined) checkExperiment({ experiment, root, systems, quick, report });
  if (experiment === undefined || diagnostics.some(isError)) {
    return { diagnostics: inOrder(diagnostics) };
  }

  const remembered = remembering(reader);
  const compileOne = async (combination: Combination): Promise<Compiled> => {
    const tree = machineTree(loaded, experiment, combination);
    const { plan, diagnostics } = compile(await decodeSystem(tree, [], remembered), calls);
    return {
      machine: plan,
      errors: diagnostics.filter(isError),
      warnings: diagnostics.filter((one) => !isError(one) && one.span.file.path === loaded.file),
    };
  };
  await checkSystems(loaded, experiment, compileOne, report);
  if (diagnostics.some(isError)) return { diagnostics: inOrder(diagnostics) };

  const sorted = await sortCombinations(loaded, experiment, compileOne, report);
  if (sorted.cases.length === 0 && !diagnostics.some(isError)) {
    const [first] = sorted.pruned;
    report({
      code: "E1107",
      message: "no combination is left to run",
      span: nodeAt(root, ["systems"]),
      hint: first && `${first.code}: ${first.reason}`,
    });
  }
  if (diagnostics.some(isError)) return { diagnostics: inOrder(diagnostics) };
  return { plan: planOf(loaded, experiment, sorted), diagnostics };
}

type Sorted = Pick<ExperimentPlan, "cases" | "pruned" | "merged">;

/** What becomes of each combination: a case, left out, or the same machine as a case. */
async function sortCombinations(
  { root }: LoadedExperiment,
  experiment: Experiment,
  compileOne: (combination: Combination) => Promise<Compiled>,
  report: (diagnostic: Diagnostic) => void,
): Promise<Sorted> {
  const cases: CasePlan[] = [], pruned: PrunedCase[] = [], merged: MergedCase[] = [];
  const byMachine = new Map<string, string>(), standIns = new Map<string, string>();
  const told = new Set<Span>();
  for (const combination of combinationsOf(experiment, root)) {
    const leaveOut = (code: string, reason: string, span: Span) =>
      pruned.push({ ...combination, code, reason, place: placeText(span) });
    const excluded = excludedBy(experiment, combination);
    if (excluded !== undefined) {
      const { because = "left out by a constraint" } = experiment.constraints[excluded];
      leaveOut("constraint", because, nodeAt(root, ["constraints", excluded]));
      continue;
    }
    const { machine, errors } = await compileOne(combination);
    if (machine === undefined) {
      // No machine has a field that there is not, nor one with a value of another type.
      const mistake = errors.find(({ code }) => STRUCTURE.test(code));
      if (mistake !== undefined && !told.has(mistake.span)) report(mistake);
      if (mistake !== undefined) told.add(mistake.span);
      leaveOut(errors[0].code, errors[0].message, errors[0].span);
      continue;
    }
    const command = commandOf(experiment, combination);
    const id = idOf(combination);
    const key = JSON.stringify([combination.workload, machine, command]);
    const same = byMachine.get(key);
    if (same === undefined) {
      byMachine.set(key, id);
      cases.push({ ...combination, id, machine, ...(command && { command }) });
    } else merged.push({ ...combination, into: same });
    standIns.set(id, same ?? id);
  }
  for (const each of cases) {
    const wanted = baselineOf(experiment, each);
    const baseline = wanted && standIns.get(idOf(wanted));
    if (baseline !== undefined && baseline !== each.id) each.baseline = baseline;
  }
  return { cases, pruned, merged };
}

/** What the host runs, where it does. */
function commandOf(
  experiment: Experiment,
  { workload, parameters }: Combination,
): HostCommand | undefined {
  const { on, run, args, env } = experiment.workloads[workload];
  if (on !== "host") return undefined;
  const given = (text: string) => substituteText(text, parameters);
  return {
    run,
    args: args.map(given),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, given(value)])),
  };
}

/** Systems with their workloads, as they are without parameters. */
async function checkSystems(
  { systems }: LoadedExperiment,
  experiment: Experiment,
  compileOne: (combination: Combination) => Promise<Compiled>,
  report: (diagnostic: Diagnostic) => void,
): Promise<void> {
  const known = new Set<string>();
  for (const [workload, chosen] of Object.entries(experiment.workloads)) {
    for (const system of chosen.systems ?? systems.keys()) {
      const { errors, warnings } = await compileOne({ system, parameters: {}, workload });
      for (const one of [...errors, ...warnings]) {
        const key = `${placeText(one.span)} ${one.code}`;
        if (!known.has(key)) report(one);
        known.add(key);
      }
    }
  }
}

function planOf(
  { file, quick, systems }: LoadedExperiment,
  experiment: Experiment,
  parts: Sorted,
): ExperimentPlan {
  const { name, title = name, description = "", stop } = experiment;
  return {
    version: 1,
    name,
    title,
    description,
    file,
    quick,
    systems: Object.entries(experiment.systems).map(([name, { title = name }]) => ({
      name,
      title,
      file: systems.get(name)!.file,
    })),
    parameters: Object.entries(experiment.parameters).map(([name, { title = name, values }]) => ({
      name,
      title,
      values,
    })),
    workloads: Object.entries(experiment.workloads).map(([name, workload]) => ({
      name,
      title: workload.title ?? name,
      timeoutMs: workload.timeout,
      figures: Object.entries(workload.figures).map(([name, figure]): FigurePlan => ({
        ...figure,
        name,
        title: figure.title ?? name,
      })),
    })),
    ...parts,
    repetitions: experiment.repetitions,
    warmup: experiment.warmup,
    seed: experiment.seed,
    confidence: share(experiment.confidence),
    ...(stop ? { stop: { width: share(stop.width), most: stop.most } } : {}),
    counters: experiment.counters,
  };
}

/** "5%" or "0.05" */
function share(text: string): number {
  return text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text);
}

function placeText({ file, line, column }: Span): string {
  return `${file.path}:${line}:${column}`;
}

function inOrder(diagnostics: Diagnostic[]): Diagnostic[] {
  return diagnostics.sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
}

/** Whether a file exists, and what it is, is asked once for all combinations. */
function remembering(reader: Reader): Reader {
  return {
    read: (path) => reader.read(path),
    exists: once((path) => reader.exists(path)),
    ...(reader.kind && { kind: once((path) => reader.kind!(path)) }),
  };
}

function once<T>(ask: (path: string) => Promise<T>): (path: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (path) => {
    let answer = known.get(path);
    if (answer === undefined) known.set(path, answer = ask(path));
    return answer;
  };
}
