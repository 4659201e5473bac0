// A problem of a manifest as data; the wording of its place is in render.ts, of its code in explanations.ts.
import type { Span } from "../source/node.ts";

/** Something wrong with a manifest, or worth a warning. */
export interface Diagnostic {
  /** stable: E and W with four digits; W does not stop the compiler */
  code: string;
  /** what is wrong, without a final period */
  message: string;
  /** where it is wrong */
  span: Span;
  /** what to write behind the underline */
  label?: string;
  /** the other party of a conflict */
  related?: { span: Span; message: string }[];
  /** what to do about it */
  hint?: string;
}

/** Whether it keeps the compiler from making a plan. */
export function isError(diagnostic: Diagnostic): boolean {
  return diagnostic.code.startsWith("E");
}
