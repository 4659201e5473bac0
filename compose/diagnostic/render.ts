// Diagnostics as text: the line, the underline, the other party, the hint.
import { type Diagnostic, isError } from "./diagnostic.ts";

const paint = (on: boolean, code: number, text: string) =>
  on ? `\x1b[${code}m${text}\x1b[0m` : text;

/**
 * A diagnostic as text for people: the line, what is wrong with it, what it conflicts with, a hint.
 *
 * @param color ANSI colours, for a terminal
 */
export function render(diagnostic: Diagnostic, color = false): string {
  const { span, related = [], hint } = diagnostic;
  const error = isError(diagnostic);
  const tone = error ? 31 : 33;
  const gutter = " ".repeat(String(span.line).length);
  const bar = paint(color, 34, "|");
  const underline = " ".repeat(span.column - 1) + "^".repeat(span.length);
  return [
    `${
      paint(color, tone, `${error ? "error" : "warning"}[${diagnostic.code}]`)
    }: ${diagnostic.message}`,
    `${gutter}${paint(color, 34, "-->")} ${span.file.path}:${span.line}:${span.column}`,
    `${gutter} ${bar}`,
    `${paint(color, 34, String(span.line))} ${bar} ${span.file.lines[span.line - 1] ?? ""}`,
    `${gutter} ${bar} ${
      paint(color, tone, diagnostic.label ? `${underline} ${diagnostic.label}` : underline)
    }`,
    ...related.map((other) =>
      `${gutter}${
        paint(color, 34, ":::")
      } ${other.span.file.path}:${other.span.line}:${other.span.column} ${other.message}`
    ),
    ...(hint ? [`${gutter} ${paint(color, 34, "=")} hint: ${hint}`] : []),
  ].join("\n");
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
