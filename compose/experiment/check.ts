// What has to hold of an experiment by itself: names and values that exist, patterns that can match.
import type { Experiment } from "../../schemas/experiment_shape.ts";
import type { Diagnostic } from "../diagnostic/diagnostic.ts";
import { suggest } from "../diagnostic/suggest.ts";
import { keyAt, type Node, nodeAt } from "../source/node.ts";
import type { SystemTree } from "./load.ts";
import { toldParameters } from "./combinations.ts";
import { entryAt, reaches, variablesOf } from "./trees.ts";

interface Context {
  experiment: Experiment;
  root: Node;
  systems: Map<string, SystemTree>;
  /** what is left of it in little may leave parameters without use */
  quick: boolean;
  report(diagnostic: Diagnostic): void;
}

/** Everything that is wrong with an experiment, but for what is wrong with its systems. */
export function checkExperiment(context: Context): void {
  for (const rule of [checkParameters, checkWorkloads, checkConstraints, checkRepetitions]) {
    rule(context);
  }
}

function checkParameters({ experiment, root, systems, quick, report }: Context): void {
  const told = new Set(
    Object.keys(experiment.workloads).flatMap((workload) => [...toldParameters(root, workload)]),
  );
  for (const [name, { set, values }] of Object.entries(experiment.parameters)) {
    const key = keyAt(root, ["parameters", name]);
    if (set.length === 0 && !told.has(name) && !quick) {
      report({
        code: "E1111",
        message: `nothing depends on parameter "${name}"`,
        span: key,
        hint: `"\${${name}}" in a workload's args or env is its value, and \`set\` names fields`,
      });
    }
    if (name === "system" || name === "workload") {
      report({ code: "E1109", message: `a parameter cannot be called "${name}"`, span: key });
    }
    values.forEach((value, index) => {
      if (values.indexOf(value) === index) return;
      report({
        code: "E1107",
        message: `"${value}" is given twice in parameter "${name}"`,
        span: nodeAt(root, ["parameters", name, "values", index]),
      });
    });
    if (values.length === 0) {
      report({ code: "E1107", message: `parameter "${name}" has no values`, span: key });
    }
    set.forEach((field, index) => {
      const path = field.split(".");
      const trees = [...systems.values()];
      if (trees.length === 0 || trees.some((system) => reaches(system.root, path))) return;
      const kind = path[0] === "machine" ? ["machine", "devices"] : [path[0]];
      const known = trees.flatMap((system) => {
        const node = entryAt(system.root, kind)?.node;
        return node?.kind === "map" ? [...node.entries.keys()] : [];
      });
      const wrong = path[kind.length];
      report({
        code: "E1105",
        message: `no system has "${[...kind, wrong].join(".")}"`,
        span: nodeAt(root, ["parameters", name, "set", index]),
        hint: suggest(wrong, new Set(known)),
      });
    });
  }
}

function checkWorkloads(context: Context): void {
  const { experiment, root, report } = context;
  const parameters = Object.keys(experiment.parameters);
  for (const [name, workload] of Object.entries(experiment.workloads)) {
    for (const field of ["args", "env"]) {
      const node = entryAt(root, ["workloads", name, field])?.node;
      for (const variable of variablesOf(node)) {
        if (parameters.includes(variable.name)) continue;
        report({
          code: "E1106",
          message: `there is no parameter "${variable.name}"`,
          span: variable.span,
          hint: suggest(variable.name, parameters) ?? "a shell's variables do without braces here",
        });
      }
    }
    if (workload.on === "host") checkHostWorkload(context, name);
    checkBeside(context, name);
    workload.systems?.forEach((system, index) =>
      knownName(
        { root, report },
        "system",
        system,
        Object.keys(experiment.systems),
        ["workloads", name, "systems", index],
      )
    );
    for (const [figure, { pattern, report: place }] of Object.entries(workload.figures)) {
      const at = ["workloads", name, "figures", figure];
      if ((pattern === undefined) === (place === undefined)) {
        report({
          code: "E1104",
          message: `figure "${figure}" needs one of pattern and report`,
          span: keyAt(root, at),
        });
      } else if (pattern !== undefined) {
        const wrong = wrongPattern(pattern, figure);
        if (wrong === undefined) continue;
        const span = nodeAt(root, [...at, "pattern"]);
        report({ code: "E1103", ...wrong, span });
      }
    }
    if (Object.keys(workload.figures).length === 0) {
      report({
        code: "E1104",
        message: `workload "${name}" measures nothing`,
        span: keyAt(root, ["workloads", name]),
        hint: "a figure is a name, a pattern with a group of that name, a unit and what is better",
      });
    }
  }
}

/** What the host runs has no place in the machine, and somebody there to talk to. */
function checkHostWorkload({ experiment, root, report }: Context, name: string): void {
  for (const field of ["cwd", "uid", "gid"]) {
    const entry = entryAt(root, ["workloads", name, field]);
    if (entry === undefined) continue;
    report({
      code: "E1110",
      message: `"${field}" is for programs of the machine, and this one is run by the host`,
      span: entry.key,
    });
  }
  if (experiment.workloads[name].beside.length === 0) {
    report({
      code: "E1110",
      message: `workload "${name}" is run by the host, and nothing by the machine`,
      span: keyAt(root, ["workloads", name]),
      hint: "beside: [PROGRAM] names what it talks to",
    });
  }
}

/** What runs beside a workload is there, whatever the system. */
function checkBeside({ experiment, root, systems, report }: Context, name: string): void {
  const { beside, systems: among = [...systems.keys()] } = experiment.workloads[name];
  beside.forEach((program, index) => {
    for (const system of among) {
      const tree = systems.get(system);
      if (tree === undefined || entryAt(tree.root, ["programs", program]) !== undefined) continue;
      const programs = entryAt(tree.root, ["programs"])?.node;
      report({
        code: "E1101",
        message: `system "${system}" has no program "${program}"`,
        span: nodeAt(root, ["workloads", name, "beside", index]),
        hint: suggest(program, programs?.kind === "map" ? programs.entries.keys() : []),
      });
    }
  });
}

function wrongPattern(
  pattern: string,
  figure: string,
): { message: string; hint?: string } | undefined {
  try {
    new RegExp(pattern, "gm");
  } catch (error) {
    return { message: `not a regular expression: ${(error as Error).message}` };
  }
  const groups = [...pattern.matchAll(/\(\?<(\w+)>/g)].map(([, group]) => group);
  if (groups.includes(figure)) return undefined;
  const hint = suggest(figure, groups) ?? `(?<${figure}>[0-9.]+) is a number of that name`;
  return { message: `the pattern has no group "${figure}"`, hint };
}

function checkConstraints({ experiment, root, report }: Context): void {
  const known = new Map(
    Object.entries(experiment.parameters).map(([name, { values }]) => [name, values] as const),
  );
  known.set("system", Object.keys(experiment.systems));
  const look = (chosen: Record<string, string[]>, place: (string | number)[], listed: boolean) => {
    for (const [name, values] of Object.entries(chosen)) {
      const allowed = known.get(name);
      if (allowed === undefined) {
        report({
          code: "E1101",
          message: `there is no parameter "${name}"`,
          span: nodeAt(root, [...place, name]),
          hint: suggest(name, known.keys()),
        });
        continue;
      }
      values.forEach((value, index) => {
        if (allowed.includes(value)) return;
        report({
          code: "E1102",
          message: name === "system"
            ? `there is no system "${value}"`
            : `parameter "${name}" never is "${value}"`,
          span: nodeAt(root, listed ? [...place, name, index] : [...place, name]),
          hint: suggest(value, allowed),
        });
      });
    }
  };
  experiment.constraints.forEach(({ when, only }, index) => {
    look(when, ["constraints", index, "when"], true);
    look(only, ["constraints", index, "only"], true);
  });
  const single = Object.entries(experiment.baseline).map(([name, value]) => [name, [value]]);
  look(Object.fromEntries(single), ["baseline"], false);
}

function checkRepetitions({ experiment, root, report }: Context): void {
  const { repetitions, stop } = experiment;
  if (stop === undefined || stop.most >= repetitions) return;
  report({
    code: "E1108",
    message: `stop.most is ${stop.most}, but each combination is run ${repetitions} times`,
    span: nodeAt(root, ["stop", "most"]),
    label: "fewer",
    related: [{ span: nodeAt(root, ["repetitions"]), message: "at least" }],
  });
}

function knownName(
  { root, report }: Pick<Context, "root" | "report">,
  what: string,
  name: string,
  known: string[],
  place: (string | number)[],
): void {
  if (known.includes(name)) return;
  report({
    code: "E1101",
    message: `there is no ${what} "${name}"`,
    span: nodeAt(root, place),
    hint: suggest(name, known),
  });
}
