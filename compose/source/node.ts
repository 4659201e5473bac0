// YAML text -> nodes that know where they stand. The one place that knows the YAML parser.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node as YamlNode,
  parseDocument,
  type YAMLSeq,
} from "yaml";
import type { Diagnostic } from "../diagnostic/diagnostic.ts";

/** One file as read, with its lines. */
export interface SourceFile {
  /** as the reader was asked for it */
  path: string;
  /** its text, without the ends of lines */
  lines: string[];
}

/** A stretch of one line: line and column from 1, length in characters. */
export interface Span {
  /** the file it is in */
  file: SourceFile;
  /** from 1 */
  line: number;
  /** from 1, in characters */
  column: number;
  /** in characters, at least 1 */
  length: number;
}

/** A value of a manifest, with where it stands. */
export type Node =
  | { kind: "scalar"; value: string | number | boolean | null; span: Span }
  | { kind: "list"; items: Node[]; span: Span }
  | { kind: "map"; entries: Map<string, Entry>; span: Span };

/** One entry of a map. */
export interface Entry {
  /** where its key stands */
  key: Span;
  /** its value */
  node: Node;
}

const NO_TAGS = "values of manifests have no tags";

/** What the parser's own words do not say to who has written a manifest. */
const wordings: Record<string, { message?: string; hint?: string }> = {
  BLOCK_AS_IMPLICIT_KEY: { hint: 'a text with ": " in it needs quotes' },
  MULTILINE_IMPLICIT_KEY: { hint: "a key ends with a colon" },
  MULTIPLE_DOCS: {
    message: "a manifest is one document",
    hint: "the rest needs a file of its own",
  },
  RESOURCE_EXHAUSTION: { message: "lists and maps in each other, too deep to read" },
  TAG_RESOLVE_FAILED: { hint: NO_TAGS },
  TAB_AS_INDENT: { hint: "blanks indent, tabs do not" },
};

/** Control characters; and what stands for bytes that are no UTF-8. */
// deno-lint-ignore no-control-regex
const NO_TEXT = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]/;
/** Tags that say of a value what it is anyway. */
const PLAIN_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/;
/** Aliases can stand for aliases: a few lines would be more values than any memory holds. */
const MOST_NODES = 100_000;

/** Parses one document; what is wrong with it goes to `report`. */
export function parseNodes(
  path: string,
  content: string,
  report: (diagnostic: Diagnostic) => void,
): Node {
  const file: SourceFile = { path, lines: content.split(/\r?\n/) };
  const counter = new LineCounter();
  const document = parseDocument(content, {
    lineCounter: counter,
    uniqueKeys: false,
    prettyErrors: false,
  });
  const span = (start: number, end: number): Span => {
    const { line, col } = counter.linePos(Math.min(start, content.length));
    const text = file.lines[line - 1] ?? "";
    return {
      file,
      line,
      column: col,
      length: Math.max(1, Math.min(end - start, text.length - col + 1)),
    };
  };
  const invalid = (message: string, span: Span, hint?: string) =>
    report({ code: "E0101", message: `not valid YAML: ${message}`, span, hint });
  const nothing: Node = { kind: "scalar", value: null, span: span(0, 1) };
  const alien = content.search(NO_TEXT);
  if (alien >= 0) {
    invalid("a character that no text has", span(alien, alien + 1), "manifests are text in UTF-8");
    return nothing;
  }
  const complained = new Set<number>();
  for (const { code, message, pos: [start, end] } of [...document.errors, ...document.warnings]) {
    const place = span(start, end);
    // The parser stumbles on over what it has complained of already.
    if (complained.has(place.line)) continue;
    complained.add(place.line);
    const { message: worded = message.split("\n")[0], hint } = wordings[code] ?? {};
    invalid(worded, place, hint);
  }
  const under: unknown[] = [];
  let left = MOST_NODES;
  const convert = (node: YamlNode | null | undefined, after: Span): Node => {
    const here = node?.range ? span(node.range[0], node.range[1]) : after;
    if (left-- <= 0) {
      if (left === -1) {
        invalid(
          `more than ${MOST_NODES.toLocaleString("en")} values`,
          here,
          "aliases count in full",
        );
      }
      return { ...nothing, span: here };
    }
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target !== undefined && !under.includes(target)) return convert(target, here);
      invalid(
        target === undefined
          ? `nothing before *${node.source} is called &${node.source}`
          : `*${node.source} stands for what it is in`,
        here,
      );
      return { ...nothing, span: here };
    }
    if (node?.tag !== undefined && !PLAIN_TAG.test(node.tag) && !complained.has(here.line)) {
      invalid(`Unresolved tag: ${node.tag.replace(/^tag:yaml.org,2002:/, "!!")}`, here, NO_TAGS);
    }
    if (isScalar(node)) {
      return { kind: "scalar", value: node.value as string | number | boolean | null, span: here };
    }
    under.push(node);
    const converted = isSeq(node) ? convertList(node, here) : convertMap(node, here);
    under.pop();
    return converted;
  };
  const convertList = (node: YAMLSeq, here: Span): Node => ({
    kind: "list",
    items: node.items.map((item) => convert(item as YamlNode, here)),
    span: here,
  });
  const convertMap = (node: YamlNode | null | undefined, here: Span): Node => {
    if (!isMap(node)) return { kind: "scalar", value: null, span: here };
    const entries = new Map<string, Entry>();
    for (const pair of node.items) {
      const key = pair.key as YamlNode;
      const where = key?.range ? span(key.range[0], key.range[1]) : here;
      if (!isScalar(key) || key.value === null) {
        report({ code: "E0104", message: "a key must be a text", span: where });
        continue;
      }
      const name = String(key.value);
      const earlier = entries.get(name);
      if (earlier) {
        report({
          code: "E0102",
          message: `"${name}" is given twice`,
          span: where,
          label: "given again",
          related: [{ span: earlier.key, message: "first given" }],
          hint: "keep one of the two",
        });
      } else entries.set(name, { key: where, node: convert(pair.value as YamlNode, where) });
    }
    return { kind: "map", entries, span: here };
  };
  return convert(document.contents as YamlNode | null, nothing.span);
}

/** The node at a path of keys and indexes; the nearest one above where there is none. */
export function nodeAt(root: Node, path: readonly (string | number)[]): Span {
  let node = root;
  let span = root.span;
  for (const step of path) {
    if (node.kind === "map") {
      const entry = node.entries.get(String(step));
      if (!entry) break;
      node = entry.node;
      span = node.kind === "scalar" ? node.span : entry.key;
    } else if (node.kind === "list") {
      const item = node.items[Number(step)];
      if (!item) break;
      node = item;
      span = item.span;
    } else break;
  }
  return span;
}

/** The key of the entry at a path of keys. */
export function keyAt(root: Node, path: readonly (string | number)[]): Span {
  let node = root;
  let span = root.span;
  for (const step of path) {
    if (node.kind === "list") {
      const item = node.items[Number(step)];
      if (!item) break;
      node = item;
      span = item.span;
      continue;
    }
    const entry = node.kind === "map" ? node.entries.get(String(step)) : undefined;
    if (!entry) break;
    node = entry.node;
    span = entry.key;
  }
  return span;
}
