// Nodes + shape -> values: types, units, ranges, unknown and missing fields, defaults.
import { limits } from "../../schemas/limits.ts";
import {
  amountText,
  type Infer,
  type NumberShape,
  type Pattern,
  type Shape,
  units,
} from "../../schemas/manifest_shape.ts";
import type { Diagnostic } from "../diagnostic/diagnostic.ts";
import { suggest, suggestNear } from "../diagnostic/suggest.ts";
import type { Node, Span } from "./node.ts";

type Report = (diagnostic: Diagnostic) => void;
const words: Record<Shape["kind"], string> = {
  text: "a text",
  choice: "a word",
  flag: "true or false",
  integer: "a whole number",
  bytes: "a size such as 64MiB",
  milliseconds: "a duration such as 20ms",
  microseconds: "a duration such as 50us",
  list: "a list",
  map: "a map",
  record: "a map",
};

/** A value's place as a message names it, and what is near its name where that may be mistyped. */
interface Place {
  name: string;
  near?: string;
}

/**
 * The value a node stands for. Everything wrong is reported; the result is then not to be used.
 * @param whole what the node is, such as "the system": fields of it are called by their names alone
 */
export function decode<S extends Shape>(
  shape: S,
  node: Node,
  whole: string,
  report: Report,
): Infer<S> {
  const below = (step: string) => ({ name: step });
  const near = isNothing(node) ? "there is nothing in this file" : undefined;
  return read(shape, node, { name: whole, near }, report, below) as Infer<S>;
}

function read(
  shape: Shape,
  node: Node,
  place: Place,
  report: Report,
  below = (step: string): Place => ({ name: `${place.name}.${step}` }),
): unknown {
  const where = place.name;
  const wrong = () => {
    report({
      code: "E0104",
      message: `${where} must be ${words[shape.kind]}, not ${found(node)}`,
      span: node.span,
      hint: (isNothing(node) ? place.near : undefined) ?? meant(shape, node),
    });
  };
  switch (shape.kind) {
    case "list":
      if (node.kind !== "list") return wrong();
      return node.items.map((item, index) =>
        read(shape.item, item, { name: `${where}[${index}]` }, report)
      );
    case "map":
      if (node.kind !== "map") return wrong();
      return Object.fromEntries(
        [...node.entries].map(([key, { key: span, node: value }]) => {
          if (shape.keys !== undefined) checkPattern(shape.keys, key, span, report);
          const near = suggestNear(key, namesBeside(key, node.entries.keys()));
          return [key, read(shape.item, value, { ...below(key), near }, report)];
        }),
      );
    case "record": {
      if (node.kind !== "map") return wrong();
      for (const [key, entry] of node.entries) {
        if (Object.hasOwn(shape.fields, key)) continue;
        report({
          code: "E0103",
          message: `unknown field "${key}" in ${where}`,
          span: entry.key,
          hint: key === "<<"
            ? "YAML 1.2 has no merge keys: an alias stands for a whole value"
            : suggest(key, [...Object.keys(shape.fields), ...shape.apart ?? []]),
        });
      }
      const value: Record<string, unknown> = {};
      for (const [key, field] of Object.entries(shape.fields)) {
        const entry = node.entries.get(key);
        if (entry) value[key] = read(field.shape, entry.node, below(key), report);
        else if (field.presence === "defaulted") {
          value[key] = read(field.shape, literal(field.fallback, node.span), place, report);
        } else if (field.presence === "required") {
          report({
            code: "E0105",
            message: `${where} needs a field "${key}": ${field.shape.description}`,
            span: { ...node.span, length: 1 },
            hint: place.near ??
              (field.shape.kind === "choice" ? suggest("", field.shape.choices) : undefined),
          });
        }
      }
      return value;
    }
  }
  if (node.kind !== "scalar" || node.value === null) return wrong();
  const { value } = node;
  switch (shape.kind) {
    case "flag":
      return typeof value === "boolean" ? value : wrong();
    case "choice":
      if (typeof value !== "string") return wrong();
      if (shape.choices.includes(value)) return value;
      return report({
        code: "E0106",
        message: `${where} cannot be "${value}"`,
        span: node.span,
        hint: suggest(value, shape.choices),
      });
    case "text":
      if (typeof value === "boolean" && !shape.flags) return wrong();
      if (shape.pattern) checkPattern(shape.pattern, String(value), node.span, report);
      return String(value);
    default:
      return readNumber(shape, node as Node & { kind: "scalar" }, where, report, wrong);
  }
}

function isNothing(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

/** A value as a message can hold it. */
function found(node: Node): string {
  if (node.kind !== "scalar") return `a ${node.kind}`;
  if (typeof node.value !== "string") return String(node.value);
  return JSON.stringify(shortened(node.value));
}

function shortened(text: string): string {
  const most = 60;
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Names that one may have been mistyped for: those that differ in a number count something. */
function namesBeside(name: string, all: Iterable<string>): string[] {
  const letters = (name: string) => name.replaceAll(/\d/g, "");
  return [...all].filter((other) => letters(other) !== letters(name));
}

/** What is likely to be meant by a value of another type. */
function meant(shape: Shape, node: Node): string | undefined {
  if (isNothing(node)) {
    return "an entry without value takes away what another manifest says; here there is nothing";
  }
  if (shape.kind === "text" && node.kind === "scalar") return `"${node.value}" is a text`;
  if (shape.kind === "list" && node.kind === "scalar") {
    return `[${found(node)}] is a list of one`;
  }
  const [first] = node.kind === "list" ? node.items : [];
  if (shape.kind === "map" && shape.item.kind === "choice" && first?.kind === "scalar") {
    return `{ ${first.value}: ${shape.item.choices[0]} } is a map of one`;
  }
}

function checkPattern(pattern: Pattern, value: string, span: Span, report: Report): void {
  if (new RegExp(pattern.source).test(value)) return;
  const what = withArticle(pattern.what ?? "name");
  report({
    code: "E0109",
    message: `"${shortened(value)}" is not ${what}`,
    span,
    hint: `${what} is ${pattern.meaning}`,
  });
}

function readNumber(
  shape: NumberShape,
  node: Node & { kind: "scalar" },
  where: string,
  report: Report,
  wrong: () => void,
): unknown {
  let amount: number;
  if (shape.kind === "integer") {
    if (!Number.isInteger(node.value)) return wrong();
    amount = node.value as number;
  } else {
    const known = units[shape.kind];
    const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(String(node.value));
    if (!match) return wrong();
    const factor = match[2] === "" && match[1] === "0" ? 1 : known[match[2]];
    if (factor === undefined) {
      return report({
        code: "E0107",
        message: match[2] === ""
          ? `${where} needs a unit`
          : `unknown unit "${match[2]}" in ${where}`,
        span: node.span,
        hint: unitMeant(match[2], Object.keys(known)),
      });
    }
    amount = Number(match[1]) * factor;
    if (!Number.isInteger(amount)) {
      const [smallest] = Object.keys(known);
      return report({
        code: "E0104",
        message: `${where} must be whole in ${smallest}`,
        span: node.span,
        hint: `${node.value} is ${amount}${smallest}`,
      });
    }
  }
  const { min, max, reason } = shape.limit;
  if (amount < min || amount > max) {
    const side = amount < min
      ? `at least ${amountText(min, shape.kind)}`
      : `at most ${amountText(max, shape.kind)}`;
    report({ code: "E0108", message: `${where} must be ${side}`, span: node.span, hint: reason });
  } else if (shape.limit === limits.ringDepth && (amount & (amount - 1)) !== 0) {
    const below = 2 ** Math.floor(Math.log2(amount));
    report({
      code: "E0110",
      message: `${where} must be a power of two`,
      span: node.span,
      hint: `${below} or ${below * 2}`,
    });
  }
  return amount;
}

/** KiB is called K, KB and kib, too; a duration's unit that is not known can be any. */
function unitMeant(wrong: string, known: string[]): string {
  const letters = (unit: string) => unit.toLowerCase().replace("ib", "b");
  const found = wrong === ""
    ? undefined
    : known.find((unit) =>
      letters(unit) === letters(wrong) || letters(unit) === `${letters(wrong)}b`
    );
  return found === undefined ? `known: ${known.join(", ")}` : `did you mean "${found}"?`;
}

function literal(value: unknown, span: Span): Node {
  if (Array.isArray(value)) {
    return {
      kind: "list",
      items: value.map((item) => literal(item, span)),
      span,
    };
  }
  if (typeof value !== "object" || value === null) {
    return { kind: "scalar", value: value as string, span };
  }
  return {
    kind: "map",
    entries: new Map(
      Object.entries(value).map(([key, item]) => [key, { key: span, node: literal(item, span) }]),
    ),
    span,
  };
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}
