// The file of an experiment and those of its systems, as trees: what is varied is set before they are decoded.
import { type Experiment, experimentShape } from "../../schemas/experiment_shape.ts";
import type { Diagnostic } from "../diagnostic/diagnostic.ts";
import { decode } from "../source/decode.ts";
import {
  decodeSound,
  flatten,
  isOtherKind,
  merge,
  pathAt,
  type Reader,
  unreadable,
} from "../source/load.ts";
import { type Node, nodeAt, parseNodes } from "../source/node.ts";
import { entryAt, takeEntry } from "./trees.ts";

/** An experiment as loaded. */
export interface LoadedExperiment {
  /** path of its file, as it was asked for */
  file: string;
  /** whether it was asked for in little, and says what that is */
  quick: boolean;
  root: Node;
  /** there where its structure is sound */
  experiment?: Experiment;
  systems: Map<string, SystemTree>;
  diagnostics: Diagnostic[];
}

/** A system of an experiment, before parameters are set. */
export interface SystemTree {
  file: string;
  /** its manifest with the experiment's overrides merged into it */
  root: Node;
}

/**
 * Loads an experiment and its systems.
 *
 * @param quick apply its `quick` section: the same in little
 * @throws what the reader throws when the first file cannot be read
 */
export async function loadExperiment(
  path: string,
  reader: Reader,
  quick = false,
): Promise<LoadedExperiment> {
  const diagnostics: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic) => void diagnostics.push(diagnostic);
  let root = await flatten(path, await reader.read(path), reader, report);
  const other = isOtherKind(root, "System", "`compose up` boots systems", report);
  const little = takeEntry(root, "quick");
  if (quick && little !== undefined) root = merge(root, little, "replace");
  const overrides = takeOverrides(root);
  const experiment = other ? undefined : decodeSound(
    diagnostics,
    (report) => decode(experimentShape, root, "the experiment", report),
  );
  const loaded: LoadedExperiment = {
    file: path,
    quick: quick && little !== undefined,
    root,
    experiment,
    systems: new Map(),
    diagnostics,
  };
  for (const [name, { extends: from }] of Object.entries(experiment?.systems ?? {})) {
    const place = ["systems", name, "extends"];
    const file = pathAt(root, place, from);
    let content: string;
    try {
      content = await reader.read(file);
    } catch (error) {
      report(unreadable(from, nodeAt(root, place), file, error as Error));
      continue;
    }
    const tree = await flatten(file, content, reader, report);
    const over = overrides.get(name);
    loaded.systems.set(name, { file, root: over === undefined ? tree : merge(tree, over) });
  }
  return loaded;
}

/** Whether a file says that it is an experiment. */
export function isExperiment(path: string, content: string): boolean {
  const root = parseNodes(path, content, () => {});
  const kind = entryAt(root, ["kind"])?.node;
  return kind?.kind === "scalar" && kind.value === "Experiment";
}

/** What the systems change of their manifests is of another shape, and decoded with these. */
function takeOverrides(root: Node): Map<string, Node> {
  const overrides = new Map<string, Node>();
  const systems = entryAt(root, ["systems"])?.node;
  if (systems?.kind !== "map") return overrides;
  for (const [name, { node }] of systems.entries) {
    const over = takeEntry(node, "overrides");
    if (over !== undefined) overrides.set(name, over);
  }
  return overrides;
}
