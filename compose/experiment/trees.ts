// Trees of manifests, changed before they are decoded: a field set, a variable replaced, a map made. What is
// new stands where the experiment says it, so that diagnostics point there.
import type { Entry, Node, Span } from "../source/node.ts";

export type MapNode = Node & { kind: "map" };

/** A map of entries, each said at the place of its value. */
export function mapOf(entries: Record<string, Node | undefined>, span: Span): MapNode {
  const given = Object.entries(entries).filter((entry): entry is [string, Node] =>
    entry[1] !== undefined
  );
  return {
    kind: "map",
    entries: new Map(given.map(([key, node]) => [key, { key: node.span, node }])),
    span,
  };
}

export function scalarOf(value: string | number | boolean | null, span: Span): Node {
  return { kind: "scalar", value, span };
}

/** The entry of a path of keys; undefined where a step is missing. */
export function entryAt(root: Node, path: readonly string[]): Entry | undefined {
  let entry: Entry | undefined, node = root;
  for (const step of path) {
    entry = node.kind === "map" ? node.entries.get(step) : undefined;
    if (entry === undefined) return undefined;
    node = entry.node;
  }
  return entry;
}

/** Takes an entry out of a map. */
export function takeEntry(root: Node, key: string): Node | undefined {
  if (root.kind !== "map") return undefined;
  const entry = root.entries.get(key);
  root.entries.delete(key);
  return entry?.node;
}

/**
 * The tree with a field set; maps on the way to it are made, items of lists are named by their index.
 * @param at where the field is named
 */
export function setAt(root: Node, path: readonly string[], value: Node, at: Span): Node {
  if (path.length === 0) return value;
  const [step, ...rest] = path;
  if (root.kind === "list" && root.items[Number(step)] !== undefined) {
    const items = root.items.with(Number(step), setAt(root.items[Number(step)], rest, value, at));
    return { ...root, items };
  }
  const entries = root.kind === "map" ? new Map(root.entries) : new Map<string, Entry>();
  const inner = entries.get(step);
  const below = inner?.node ?? { kind: "map", entries: new Map(), span: at };
  entries.set(step, { key: inner?.key ?? at, node: setAt(below, rest, value, at) });
  return { kind: "map", entries, span: root.span };
}

/** Fields below these have names that a system gives: a field of what it does not have cannot be set. */
function namedBy(path: readonly string[]): readonly string[] {
  if (path[0] === "machine" && path[1] === "devices") return path.slice(0, 3);
  return ["domains", "slices", "programs", "mounts"].includes(path[0]) ? path.slice(0, 2) : [];
}

/** Whether a system has what a field belongs to: the domain, device or program it names. */
export function reaches(root: Node, path: readonly string[]): boolean {
  const named = namedBy(path);
  return named.length === 0 || entryAt(root, named) !== undefined;
}

const VARIABLE = /\$\{([^}]*)\}/g;

/** The variables of a tree's texts, each with the text it is in. */
export function variablesOf(node: Node | undefined): { name: string; span: Span }[] {
  if (node === undefined) return [];
  if (node.kind === "list") return node.items.flatMap(variablesOf);
  if (node.kind === "map") {
    return [...node.entries.values()].flatMap((each) => variablesOf(each.node));
  }
  return [...String(node.value).matchAll(VARIABLE)].map(([, name]) => ({ name, span: node.span }));
}

/** A text with its variables replaced. */
export function substituteText(text: string, values: Record<string, string>): string {
  return text.replace(VARIABLE, (all, name) => values[name] ?? all);
}

/** The tree with its variables replaced. */
export function substitute(node: Node, values: Record<string, string>): Node {
  if (node.kind === "list") {
    return { ...node, items: node.items.map((item) => substitute(item, values)) };
  }
  if (node.kind === "map") {
    const entries = [...node.entries].map(([key, entry]): [string, Entry] => [
      key,
      { key: entry.key, node: substitute(entry.node, values) },
    ]);
    return { ...node, entries: new Map(entries) };
  }
  if (typeof node.value !== "string") return node;
  return { ...node, value: substituteText(node.value, values) };
}
