// A line of a system's log, for people.
import { prefixed } from "../terminal/prefixed_output.ts";
import type { LogLine } from "./system_log.ts";

/** @param named whether to say whose it is @param times whether to say when it was */
export function logText(
  { ms, program, text }: LogLine,
  { color, named, times }: { color: boolean; named: boolean; times?: boolean },
): string {
  const line = program === undefined || !named ? text : prefixed(program, text, color);
  return times ? `${new Date(ms).toISOString()} ${line}` : line;
}
