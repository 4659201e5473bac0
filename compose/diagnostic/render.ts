// Diagnostics as text: the line, the underline, the other party, the hint.
import type { Span } from "../source/node.ts";
import { type Diagnostic, isError } from "./diagnostic.ts";

const paint = (on: boolean, code: number, text: string) =>
  on ? `\x1b[${code}m${text}\x1b[0m` : text;

/** Of a longer line, what is around the mistake is shown. */
const WIDEST_LINE = 160;
/** Characters that take two columns of a terminal, and those that take none. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const NARROW = /[\p{Mn}\p{Me}\p{Cf}]/u;

/**
 * A diagnostic as text for people: the line, what is wrong with it, what it conflicts with, a hint.
 *
 * @param color ANSI colours, for a terminal
 * @param folder absolute path of a folder: files in it are called by their paths from there
 */
export function render(diagnostic: Diagnostic, color = false, folder?: string): string {
  const { span, related = [], hint } = diagnostic;
  const error = isError(diagnostic);
  const tone = error ? 31 : 33;
  const gutter = " ".repeat(String(span.line).length);
  const bar = paint(color, 34, "|");
  const { line, before, marked } = excerpt(span);
  const underline = " ".repeat(columns(before)) + "^".repeat(Math.max(1, columns(marked)));
  const place = ({ file: { path }, line, column }: Span) =>
    `${
      folder !== undefined && path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path
    }:${line}:${column}`;
  return [
    `${paint(color, tone, `${error ? "error" : "warning"}[${diagnostic.code}]`)}: ${
      visible(diagnostic.message)
    }`,
    `${gutter}${paint(color, 34, "-->")} ${place(span)}`,
    `${gutter} ${bar}`,
    `${paint(color, 34, String(span.line))} ${bar} ${line}`,
    `${gutter} ${bar} ${
      paint(color, tone, diagnostic.label ? `${underline} ${diagnostic.label}` : underline)
    }`,
    ...related.map((other) =>
      `${gutter}${paint(color, 34, ":::")} ${place(other.span)} ${other.message}`
    ),
    ...(hint ? [`${gutter} ${paint(color, 34, "=")} hint: ${visible(hint)}`] : []),
  ].join("\n");
}

/** The line of a span or what is around it, and of that what is before the span and in it. */
function excerpt({ file, line: number, column, length }: Span) {
  const whole = visible(file.lines[number - 1] ?? "");
  const start = column - 1;
  const from = whole.length <= WIDEST_LINE
    ? 0
    : Math.max(0, Math.min(start - WIDEST_LINE / 2, whole.length - WIDEST_LINE));
  const to = Math.min(whole.length, from + WIDEST_LINE);
  const [head, tail] = [from > 0 ? "…" : "", to < whole.length ? "…" : ""];
  return {
    line: `${head}${whole.slice(from, to)}${tail}`,
    before: `${head}${whole.slice(from, start)}`,
    marked: whole.slice(start, Math.min(start + length, to)),
  };
}

/** A text that does nothing to a terminal but to be shown. */
function visible(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ");
}

/** How many columns of a terminal a text takes. */
function columns(text: string): number {
  let count = 0;
  for (const character of text) {
    count += NARROW.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  }
  return count;
}

/** The same as plain data for `--json`. */
export function toJson(diagnostic: Diagnostic): unknown {
  const place = ({ file, line, column, length }: Diagnostic["span"]) => ({
    file: file.path,
    line,
    column,
    length,
  });
  return {
    code: diagnostic.code,
    severity: isError(diagnostic) ? "error" : "warning",
    message: diagnostic.message,
    ...place(diagnostic.span),
    label: diagnostic.label,
    related: diagnostic.related?.map((other) => ({ ...place(other.span), message: other.message })),
    hint: diagnostic.hint,
  };
}
