// What a rule is handed.
import type { System } from "../../schemas/manifest.ts";
import type { Diagnostic } from "../diagnostic/diagnostic.ts";
import type { Placement } from "../plan/placement.ts";
import type { FileKind } from "../source/load.ts";
import { keyAt, type Node, nodeAt, type Span } from "../source/node.ts";

export interface Context {
  system: System;
  root: Node;
  placement: Placement;
  /** absolute paths of images and programs that exist */
  existing: Set<string>;
  /** what those are, as far as that is known */
  kinds: Map<string, FileKind>;
  /** names of system calls -> group that serves them */
  calls: Map<string, string>;
  report(diagnostic: Diagnostic): void;
  /** the value at a path */
  at(...path: (string | number)[]): Span;
  /** the key at a path */
  key(...path: (string | number)[]): Span;
}

/** A rule looks at one aspect and reports all it finds. */
export type Rule = (context: Context) => void;

export function makeContext(parts: Omit<Context, "at" | "key">): Context {
  return {
    ...parts,
    at: (...path) => nodeAt(parts.root, path),
    key: (...path) => keyAt(parts.root, path),
  };
}
