// Instructions by their names and formats.
import { encodings, type FormatName } from "../encodings.ts";
import type { Operation } from "../instruction.ts";

export type Name = Exclude<Operation, "illegal">;

export const names = Object.keys(encodings) as Name[];

/** Those whose names match, of some formats. */
export function named(pattern: RegExp, ...formats: FormatName[]): Name[] {
  return names.filter((name) => pattern.test(name) && formats.includes(encodings[name][0]));
}
