// Nodes + shape -> values: types, units, ranges, unknown and missing fields, defaults.
import { limits } from "../../schemas/limits.ts";
import {
  amountText,
  type Infer,
  type NumberShape,
  type Shape,
  units,
} from "../../schemas/manifest_shape.ts";
import type { Diagnostic } from "../diagnostic/diagnostic.ts";
import { suggest } from "../diagnostic/suggest.ts";
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

/** The value a node stands for. Everything wrong is reported; the result is then not to be used. */
export function decode<S extends Shape>(
  shape: S,
  node: Node,
  where: string,
  report: Report,
): Infer<S> {
  return read(shape, node, where, report) as Infer<S>;
}

function read(shape: Shape, node: Node, where: string, report: Report): unknown {
  const wrong = () => {
    const found = node.kind === "scalar" ? JSON.stringify(node.value) : `a ${node.kind}`;
    report({
      code: "E0104",
      message: `${where} must be ${words[shape.kind]}, not ${found}`,
      span: node.span,
    });
  };
  switch (shape.kind) {
    case "list":
      if (node.kind !== "list") return wrong();
      return node.items.map((item, index) => read(shape.item, item, `${where}[${index}]`, report));
    case "map":
      if (node.kind !== "map") return wrong();
      return Object.fromEntries(
        [...node.entries].map((
          [key, entry],
        ) => [key, read(shape.item, entry.node, `${where}.${key}`, report)]),
      );
    case "record": {
      if (node.kind !== "map") return wrong();
      for (const [key, entry] of node.entries) {
        if (Object.hasOwn(shape.fields, key)) continue;
        report({
          code: "E0103",
          message: `unknown field "${key}" in ${where}`,
          span: entry.key,
          hint: suggest(key, Object.keys(shape.fields)),
        });
      }
      const value: Record<string, unknown> = {};
      for (const [key, field] of Object.entries(shape.fields)) {
        const entry = node.entries.get(key);
        if (entry) value[key] = read(field.shape, entry.node, `${where}.${key}`, report);
        else if (field.presence === "defaulted") {
          value[key] = read(field.shape, literal(field.fallback, node.span), where, report);
        } else if (field.presence === "required") {
          report({
            code: "E0105",
            message: `${where} needs a field "${key}": ${field.shape.description}`,
            span: { ...node.span, length: 1 },
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
      if (typeof value === "boolean") return wrong();
      if (shape.pattern && !new RegExp(shape.pattern.source).test(String(value))) {
        return report({
          code: "E0109",
          message: `"${value}" is not ${withArticle(shape.pattern.what ?? "name")}`,
          span: node.span,
          hint: `${withArticle(shape.pattern.what ?? "name")} is ${shape.pattern.meaning}`,
        });
      }
      return String(value);
    default:
      return readNumber(shape, node as Node & { kind: "scalar" }, where, report, wrong);
  }
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
        hint: suggest(match[2], Object.keys(known)),
      });
    }
    amount = Number(match[1]) * factor;
    if (!Number.isInteger(amount)) return wrong();
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
