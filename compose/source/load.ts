// Files -> one flattened tree: `extends` and `include`, merged by name; then the decoded manifest.
import { systemShape } from "../../schemas/manifest.ts";
import type { System } from "../../schemas/manifest.ts";
import type { Diagnostic } from "../diagnostic/diagnostic.ts";
import { decode } from "./decode.ts";
import { type Node, nodeAt, parseNodes, type Span } from "./node.ts";

/** How files are read; what is handed here is all the compiler sees of the world. */
export interface Reader {
  /** @throws Deno.errors.NotFound and the like */
  read(path: string): Promise<string>;
  exists(path: string): Promise<boolean>;
  /** what something is that exists; absent: it is what it should be */
  kind?(path: string): Promise<FileKind>;
}

/** Something of the host: "unreadable" is a file or folder that refuses to be read, "other" is neither. */
export type FileKind = "file" | "folder" | "unreadable" | "other";

/** A manifest as loaded; `system` is there where its structure is sound. */
export interface Loaded {
  /** the tree that everything it extends and includes was merged into */
  root: Node;
  /** the decoded manifest */
  system?: System;
  /** what is wrong with its structure; `compile` adds what is wrong with its meaning */
  diagnostics: Diagnostic[];
  /** absolute paths of images and programs that exist */
  existing: Set<string>;
  /** what those are, where the reader says so */
  kinds: Map<string, FileKind>;
}

/** Joins a path of a manifest to the folder of the file that says it. */
export function resolvePath(from: string, path: string): string {
  const whole = path.startsWith("/") ? path : `${from.slice(0, from.lastIndexOf("/") + 1)}${path}`;
  const parts: string[] = [];
  for (const part of whole.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return (whole.startsWith("/") ? "/" : "") + parts.join("/");
}

/**
 * Loads a manifest with all it includes.
 * @param content text of the file where it was read already
 * @throws what the reader throws when the first file cannot be read
 */
export async function load(path: string, reader: Reader, content?: string): Promise<Loaded> {
  const diagnostics: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic) => void diagnostics.push(diagnostic);
  const root = await flatten(path, content ?? await reader.read(path), reader, report);
  return await decodeSystem(root, diagnostics, reader);
}

/** The tree of a file, with what it extends and includes merged into it. */
export function flatten(
  path: string,
  content: string,
  reader: Reader,
  report: (diagnostic: Diagnostic) => void,
): Promise<Node> {
  const seen = new Map<string, Span | undefined>();

  const flattenFile = async (file: string, text: string, chain: string[]): Promise<Node> => {
    const node = parseNodes(file, text, report);
    if (node.kind !== "map") return node;
    let merged: Node = { kind: "map", entries: new Map(), span: node.span };
    for (const key of ["extends", "include"]) {
      const entry = node.entries.get(key);
      if (!entry) continue;
      node.entries.delete(key);
      for (const item of entry.node.kind === "list" ? entry.node.items : [entry.node]) {
        if (item.kind !== "scalar" || typeof item.value !== "string") {
          report({
            code: "E0104",
            message: `${key} must be the path of a manifest`,
            span: item.span,
          });
          continue;
        }
        const target = resolvePath(file, item.value);
        if (chain.includes(target)) {
          report({
            code: "E0111",
            message: `"${item.value}" includes itself`,
            span: item.span,
            hint: [...chain, target].map((each) => each.slice(each.lastIndexOf("/") + 1))
              .join(" -> "),
          });
          continue;
        }
        if (seen.has(target)) {
          const first = seen.get(target);
          report({
            code: "E0112",
            message: `"${item.value}" is included twice`,
            span: item.span,
            label: "included again",
            related: first && [{ span: first, message: "first included" }],
          });
          continue;
        }
        seen.set(target, item.span);
        let included: string;
        try {
          included = await reader.read(target);
        } catch (error) {
          report(unreadable(item.value, item.span, target, error as Error));
          continue;
        }
        const below = await flattenFile(target, included, [...chain, target]);
        const kind = kindOf(node), kindBelow = kindOf(below);
        if (below.kind !== "map") {
          report({
            code: "E0114",
            message: `there is no manifest in "${item.value}"`,
            span: item.span,
          });
        } else if (kind !== undefined && kindBelow !== undefined && kind !== kindBelow) {
          report({
            code: "E0114",
            message: `"${item.value}" is of kind ${kindBelow}, and this of kind ${kind}`,
            span: item.span,
          });
        } else merged = merge(merged, below);
      }
    }
    return merge(merged, node);
  };
  return flattenFile(path, content, [path]);
}

/** What a flattened tree says, where its structure is sound. @param diagnostics found so far; grows */
export async function decodeSystem(
  root: Node,
  diagnostics: Diagnostic[],
  reader: Reader,
): Promise<Loaded> {
  const report = (diagnostic: Diagnostic) => void diagnostics.push(diagnostic);
  if (isOtherKind(root, "Experiment", "`compose experiment` runs experiments", report)) {
    return { root, diagnostics, existing: new Set(), kinds: new Map() };
  }
  const system = decodeSound(
    diagnostics,
    (report) => decode(systemShape, root, "the system", report),
  );
  const existing = new Set<string>();
  const kinds = new Map<string, FileKind>();
  if (system) {
    for (const { place, value, needed } of hostPaths(system)) {
      const file = pathAt(root, place, value);
      if (!needed || !await reader.exists(file)) continue;
      existing.add(file);
      const kind = await reader.kind?.(file);
      if (kind !== undefined) kinds.set(file, kind);
    }
  }
  return { root, system, diagnostics, existing, kinds };
}

/**
 * The value of a tree that was read; undefined where something is wrong with it.
 * @param diagnostics of reading it; grows. What follows from them is not told: text that is no YAML makes a
 * tree that nobody meant, and what is missing may be in a file that cannot be read
 */
export function decodeSound<T>(
  diagnostics: Diagnostic[],
  decode: (report: (diagnostic: Diagnostic) => void) => T,
): T | undefined {
  if (diagnostics.some(({ code }) => code === "E0101")) return undefined;
  const partial = diagnostics.length > 0;
  const decoded = decode((diagnostic) => {
    if (!partial || diagnostic.code !== "E0105") diagnostics.push(diagnostic);
  });
  return diagnostics.length === 0 ? decoded : undefined;
}

/** A manifest that another one names and that cannot be read. @param path where it was looked for */
export function unreadable(name: string, span: Span, path: string, error: Error): Diagnostic {
  return {
    code: "E0113",
    message: `cannot read "${name}": ${whyUnread(error)}`,
    span,
    hint: `it would be ${path}`,
  };
}

/** Why a reader could not read a file. */
export function whyUnread(error: unknown): string {
  const { name, message } = error as Error;
  return reasons[name] ?? message;
}

const reasons: Record<string, string> = {
  NotFound: "no such file",
  NotADirectory: "no such file",
  IsADirectory: "it is a folder",
  PermissionDenied: "permission denied",
  NotCapable: "it is no file",
};

/** What a manifest says that it is. */
function kindOf(root: Node): string | undefined {
  const node = root.kind === "map" ? root.entries.get("kind")?.node : undefined;
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

/** Whether a manifest is of a kind that is not asked for here: nothing else about it is worth telling. */
export function isOtherKind(
  root: Node,
  kind: "System" | "Experiment",
  hint: string,
  report: (diagnostic: Diagnostic) => void,
): boolean {
  if (kindOf(root) !== kind) return false;
  report({ code: "E0106", message: `this is of kind ${kind}`, span: nodeAt(root, ["kind"]), hint });
  return true;
}

/**
 * Maps merge by key (null takes an inherited entry away), lists by value, but for sequences; anything else is
 * replaced.
 * @param lists "replace": those of `over` stand in place of those of `base`
 */
export function merge(base: Node, over: Node, lists: "join" | "replace" = "join"): Node {
  return mergeAt([], base, over, lists);
}

function mergeAt(path: string[], base: Node, over: Node, lists: "join" | "replace"): Node {
  if (lists === "join" && base.kind === "list" && over.kind === "list" && !isSequence(path)) {
    const had = new Set(base.items.map((item) => item.kind === "scalar" ? item.value : item));
    return {
      ...over,
      items: [
        ...base.items,
        ...over.items.filter((item) => item.kind !== "scalar" || !had.has(item.value)),
      ],
    };
  }
  if (base.kind !== "map" || over.kind !== "map") return over;
  const entries = new Map(base.entries);
  for (const [key, { key: span, node }] of over.entries) {
    const inherited = entries.get(key);
    if (!inherited) entries.set(key, { key: span, node });
    else if (node.kind === "scalar" && node.value === null) entries.delete(key);
    else {
      entries.set(key, {
        key: span,
        node: mergeAt([...path, key], inherited.node, node, lists),
      });
    }
  }
  return { ...over, entries };
}

/** Arguments of a program mean something by their order, and may come twice. */
function isSequence(path: readonly string[]): boolean {
  return path.at(-1) === "args" && path[0] !== "slices";
}

/** The path a manifest names at a place, seen from the file that names it. */
export function pathAt(root: Node, place: string[], value: string): string {
  return resolvePath(nodeAt(root, place).file.path, value);
}

/** Whether a program is a file of the host: neither one of the machine's, nor a module at an address. */
export function isHostFile(run: string): boolean {
  return !run.startsWith("/") && !isAddress(run);
}

/** Whether a program is a module at an address. */
export function isAddress(run: string): boolean {
  return /^[a-z]+:\/\//.test(run);
}

/** A path of the host that a manifest says, and where. */
interface HostPath {
  place: string[];
  value: string;
  /** whether it has to be there before the machine is */
  needed: boolean;
}

/** Every path of the host that a manifest says. */
export function hostPaths(system: System): HostPath[] {
  const paths: HostPath[] = [];
  const add = (place: string[], value: string | undefined, needed = true) => {
    if (value !== undefined) paths.push({ place, value, needed });
  };
  for (const [name, { image, rootfs, capture }] of Object.entries(system.machine.devices)) {
    const place = ["machine", "devices", name];
    add([...place, "image"], image);
    add([...place, "capture"], capture, false);
    for (const source of ["folder", "tar", "image"] as const) {
      add([...place, "rootfs", source], rootfs?.[source]);
    }
    add([...place, "rootfs", "keep"], rootfs?.keep, false);
    for (const [path, file] of Object.entries(rootfs?.files ?? {})) {
      add([...place, "rootfs", "files", path], file);
    }
  }
  for (const [name, { run }] of Object.entries(system.programs)) {
    if (isHostFile(run)) add(["programs", name, "run"], run);
  }
  return paths;
}
