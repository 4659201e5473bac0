// All combinations of an experiment: every system and workload with every value of the parameters that make a
// difference there, less those that its constraints leave out.
import type { Experiment } from "../../schemas/experiment_shape.ts";
import type { Combination } from "../../schemas/experiment_plan.ts";
import { entryAt, variablesOf } from "./trees.ts";
import type { Node } from "../source/node.ts";

/** The combinations, in the order of the manifest: workloads, then parameters, then systems. */
export function* combinationsOf(experiment: Experiment, root: Node): Generator<Combination> {
  for (const [workload, { systems }] of Object.entries(experiment.workloads)) {
    for (const parameters of products(experiment, usedParameters(experiment, root, workload))) {
      for (const system of systems ?? Object.keys(experiment.systems)) {
        yield { system, parameters, workload };
      }
    }
  }
}

/** Names of parameters that a workload's program is told. */
export function toldParameters(root: Node, workload: string): Set<string> {
  return new Set(
    ["args", "env"].flatMap((field) =>
      variablesOf(entryAt(root, ["workloads", workload, field])?.node).map(({ name }) => name)
    ),
  );
}

/** Parameters that set a field of systems, and those that the workload's program is told. */
function usedParameters(experiment: Experiment, root: Node, workload: string): string[] {
  const told = toldParameters(root, workload);
  return Object.entries(experiment.parameters)
    .filter(([name, { set }]) => set.length > 0 || told.has(name)).map(([name]) => name);
}

function products(experiment: Experiment, names: string[]): Record<string, string>[] {
  return names.reduce<Record<string, string>[]>(
    (rows, name) =>
      rows.flatMap((row) =>
        experiment.parameters[name].values.map((value) => ({ ...row, [name]: value }))
      ),
    [{}],
  );
}

/** The index of a constraint that leaves a combination out. */
export function excludedBy(experiment: Experiment, combination: Combination): number | undefined {
  const found = experiment.constraints.findIndex(({ when, only }) =>
    Object.entries(when).every(([name, values]) => {
      const value = valueOf(combination, name);
      return value !== undefined && values.includes(value);
    }) && (Object.keys(only).length === 0 || Object.entries(only).some(([name, values]) => {
      const value = valueOf(combination, name);
      return value !== undefined && !values.includes(value);
    }))
  );
  return found < 0 ? undefined : found;
}

function valueOf({ system, parameters }: Combination, name: string): string | undefined {
  return name === "system" ? system : parameters[name];
}

/** The combination that another is compared with. */
export function baselineOf(
  experiment: Experiment,
  combination: Combination,
): Combination | undefined {
  if (Object.keys(experiment.baseline).length === 0) return undefined;
  const { system = combination.system, ...values } = experiment.baseline;
  const parameters = Object.fromEntries(
    Object.entries(combination.parameters).map(([name, value]) => [name, values[name] ?? value]),
  );
  return { system, parameters, workload: combination.workload };
}

/** A name for a combination: the same each time, and no other's. */
export function idOf({ system, parameters, workload }: Combination): string {
  const values = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return [system, workload, ...values].join(" ");
}
