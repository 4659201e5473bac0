// A problem of a manifest as data; the wording of its place is in render.ts, of its code in explanations.ts.
import type { Span } from "../source/node.ts";

export interface Diagnostic {
  /** stable: E and W with four digits; W does not stop the compiler */
  code: string;
  message: string;
  span: Span;
  /** what to write behind the underline */
  label?: string;
  /** the other party of a conflict */
  related?: { span: Span; message: string }[];
  hint?: string;
}

export function isError(diagnostic: Diagnostic): boolean {
  return diagnostic.code.startsWith("E");
}
