// Loaded experiment -> diagnostics -> plan: each combination's machine is compiled as its system would be. One
// that only a parameter makes invalid is pruned with the compiler's own words; one that is wrong without any is
// a mistake of the manifest.
import type {
  CasePlan,
  Combination,
  ExperimentPlan,
  FigurePlan,
  MergedCase,
  PrunedCase,
} from "../../schemas/experiment_plan.ts";
import type { Experiment } from "../../schemas/experiment_shape.ts";
import type { Plan } from "../../schemas/plan.ts";
import { compile } from "../compiler.ts";
import { type Diagnostic, isError } from "../diagnostic/diagnostic.ts";
import type { CallGroup } from "../plan/plan.ts";
import { decodeSystem, merge, type Reader } from "../source/load.ts";
import { type Node, nodeAt, type Span } from "../source/node.ts";
import { checkExperiment } from "./check.ts";
import { baselineOf, combinationsOf, excludedBy, idOf } from "./combinations.ts";
import type { LoadedExperiment } from "./load.ts";
import { entryAt, mapOf, reaches, scalarOf, setAt, substitute } from "./trees.ts";

interface Compiled {
  machine?: Plan;
  errors: Diagnostic[];
}

/** The plan of an experiment without errors. */
export async function compileExperiment(
  loaded: LoadedExperiment,
  reader: Reader,
  calls: readonly CallGroup[],
): Promise<{ plan?: ExperimentPlan; diagnostics: Diagnostic[] }> {
  const { experiment, root, systems } = loaded;
  const diagnostics = [...loaded.diagnostics];
  const report = (diagnostic: Diagnostic) => void diagnostics.push(diagnostic);
  if (experiment !== undefined) checkExperiment({ experiment, root, systems, report });
  if (experiment === undefined || diagnostics.some(isError)) {
    return { diagnostics: inOrder(diagnostics) };
  }

  const remembered = remembering(reader);
  const compileOne = async (combination: Combination): Promise<Compiled> => {
    const tree = machineTree(loaded, experiment, combination);
    const { plan, diagnostics } = compile(await decodeSystem(tree, [], remembered), calls);
    return { machine: plan, errors: diagnostics.filter(isError) };
  };
  await checkSystems(loaded, experiment, compileOne, report);
  if (diagnostics.some(isError)) return { diagnostics: inOrder(diagnostics) };

  const cases: CasePlan[] = [], pruned: PrunedCase[] = [], merged: MergedCase[] = [];
  const byMachine = new Map<string, string>(), standIn = new Map<string, string>();
  for (const combination of combinationsOf(experiment, root)) {
    const excluded = excludedBy(experiment, combination);
    if (excluded !== undefined) {
      pruned.push({
        ...combination,
        code: "constraint",
        reason: experiment.constraints[excluded].because ?? "left out by a constraint",
        place: placeText(nodeAt(root, ["constraints", excluded])),
      });
      continue;
    }
    const { machine, errors } = await compileOne(combination);
    if (machine === undefined) {
      const unknown = errors.find(({ code }) => code === "E0103");
      if (unknown !== undefined && !diagnostics.some(({ span }) => span === unknown.span)) {
        report(unknown);
      }
      pruned.push({
        ...combination,
        code: errors[0].code,
        reason: errors[0].message,
        place: placeText(errors[0].span),
      });
      continue;
    }
    const id = idOf(combination), key = JSON.stringify([combination.workload, machine]);
    const same = byMachine.get(key);
    if (same === undefined) {
      byMachine.set(key, id);
      cases.push({ ...combination, id, machine });
    } else merged.push({ ...combination, into: same });
    standIn.set(id, same ?? id);
  }
  if (cases.length === 0) {
    report({
      code: "E1107",
      message: "no combination is left to run",
      span: nodeAt(root, ["systems"]),
      hint: pruned[0] && `${pruned[0].code}: ${pruned[0].reason}`,
    });
  }
  if (diagnostics.some(isError)) return { diagnostics: inOrder(diagnostics) };
  for (const each of cases) {
    const wanted = baselineOf(experiment, each);
    const baseline = wanted === undefined ? undefined : standIn.get(idOf(wanted));
    if (baseline !== undefined && baseline !== each.id) each.baseline = baseline;
  }
  return { plan: planOf(loaded, experiment, { cases, pruned, merged }), diagnostics };
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
      const { errors } = await compileOne({ system, parameters: {}, workload });
      for (const error of errors) {
        const key = `${placeText(error.span)} ${error.code}`;
        if (!known.has(key)) report(error);
        known.add(key);
      }
    }
  }
}

/** The tree of a combination's machine: the system, parameters set, and the workload for its programs. */
function machineTree(
  { root, systems }: LoadedExperiment,
  experiment: Experiment,
  { system, parameters, workload }: Combination,
): Node {
  let tree = systems.get(system)!.root;
  for (const [name, value] of Object.entries(parameters)) {
    const { set, values } = experiment.parameters[name];
    const place = ["parameters", name];
    const given = entryAt(root, [...place, "values"])!.node as Node & { kind: "list" };
    const node = given.items[values.indexOf(value)];
    set.forEach((field, index) => {
      const path = field.split(".");
      const at = nodeAt(root, [...place, "set", index]);
      if (reaches(tree, path)) tree = setAt(tree, path, node, at);
    });
  }
  return merge(tree, programsTree(tree, root, experiment, workload, parameters));
}

function programsTree(
  tree: Node,
  root: Node,
  experiment: Experiment,
  workload: string,
  parameters: Record<string, string>,
): Node {
  const { node, key } = entryAt(root, ["workloads", workload])!;
  const { beside } = experiment.workloads[workload];
  const field = (name: string) => {
    const given = entryAt(node, [name])?.node;
    return given && substitute(given, parameters);
  };
  const others = entryAt(tree, ["programs"])?.node;
  const gone = others?.kind === "map"
    ? [...others.entries.keys()].filter((name) => !beside.includes(name))
    : [];
  const waits = beside.map((name) => {
    const healthy = entryAt(tree, ["programs", name, "health"]) !== undefined;
    return [name, scalarOf(healthy ? "healthy" : "started", key)];
  });
  const program = mapOf({
    run: field("run"),
    args: field("args"),
    env: field("env"),
    cwd: field("cwd"),
    uid: field("uid"),
    gid: field("gid"),
    depends_on: mapOf(Object.fromEntries(waits), key),
  }, key);
  const programs = Object.fromEntries(gone.map((name) => [name, scalarOf(null, key)]));
  return mapOf({ programs: mapOf({ ...programs, [workload]: program }, key) }, key);
}

function planOf(
  { file, quick, systems }: LoadedExperiment,
  experiment: Experiment,
  parts: Pick<ExperimentPlan, "cases" | "pruned" | "merged">,
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

/** Whether a file exists is asked once for all combinations. */
function remembering(reader: Reader): Reader {
  const known = new Map<string, Promise<boolean>>();
  return {
    read: (path) => reader.read(path),
    exists: (path) => {
      let answer = known.get(path);
      if (answer === undefined) known.set(path, answer = reader.exists(path));
      return answer;
    },
  };
}
