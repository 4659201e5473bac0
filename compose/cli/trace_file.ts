// Traces as files.
import type { ChromeTrace } from "../../runtime/boot.ts";

/** Writes a trace. @returns what there is to say of it, in a line */
export function writeTrace(path: string, trace: ChromeTrace): string {
  Deno.writeTextFileSync(path, JSON.stringify(trace));
  return traceText(path, trace);
}

/** What is in a trace, and what is not. */
export function traceText(path: string, { traceEvents, otherData }: ChromeTrace): string {
  const spans = traceEvents.filter(({ ph }) => ph === "X").length;
  const flows = traceEvents.filter(({ ph }) => ph === "s").length;
  const lost = Object.entries(otherData.lost).filter(([, count]) => count > 0).map((
    [thread, count],
  ) => `${count.toLocaleString("en")} of ${thread}`);
  const lack = lost.length === 0 ? "" : `; older records were overwritten: ${lost.join(", ")}`;
  return `${path}: ${spans.toLocaleString("en")} spans, ${
    flows.toLocaleString("en")
  } flows between them${lack}`;
}
