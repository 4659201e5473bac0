// The tree of a combination's machine: that of its system, with parameters set, and the workload's program in
// place of the system's own. What is put in stands where the experiment says it.
import type { Combination } from "../../schemas/experiment_plan.ts";
import type { Experiment } from "../../schemas/experiment_shape.ts";
import { merge } from "../source/load.ts";
import { type Node, nodeAt } from "../source/node.ts";
import type { LoadedExperiment } from "./load.ts";
import { entryAt, mapOf, reaches, scalarOf, setAt, substitute } from "./trees.ts";

/** The tree that a combination's machine is decoded from. */
export function machineTree(
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

/** Programs: the workload's, those that run beside it, and none of the others. */
function programsTree(
  tree: Node,
  root: Node,
  experiment: Experiment,
  workload: string,
  parameters: Record<string, string>,
): Node {
  const { node, key } = entryAt(root, ["workloads", workload])!;
  const { beside, on } = experiment.workloads[workload];
  const field = (name: string) => {
    const given = entryAt(node, [name])?.node;
    return given && substitute(given, parameters);
  };
  const others = entryAt(tree, ["programs"])?.node;
  const gone = others?.kind === "map"
    ? [...others.entries.keys()].filter((name) => !beside.includes(name))
    : [];
  const programs = Object.fromEntries(gone.map((name) => [name, scalarOf(null, key)]));
  if (on === "host") return mapOf({ programs: mapOf(programs, key) }, key);
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
  return mapOf({ programs: mapOf({ ...programs, [workload]: program }, key) }, key);
}
