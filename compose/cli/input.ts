// What all commands share: reading a manifest from disk, showing diagnostics, exit codes.
import { compile, type Diagnostic, load, type Loaded, render, toJson } from "../mod.ts";
import type { Plan } from "../../schemas/plan.ts";
import { resolvePath, whyUnread } from "../source/load.ts";
import { calls, disk } from "../disk.ts";
import { takesColor } from "./terminal/streams.ts";

/**
 * Exit codes: fine; diagnostics or a failed program; wrong use of the command. `run` has the program's own,
 * and one for what is not the program's fault. Interrupted is what SIGINT leaves.
 */
export const Exit = { OK: 0, FAILED: 1, USAGE: 2, MACHINE: 125, INTERRUPTED: 130 } as const;

export interface Shared {
  json?: boolean;
}

/** The text of a manifest; says why it cannot be read, and ends with {@link Exit.USAGE}. */
export async function readManifest(file: string): Promise<{ path: string; content: string }> {
  const path = resolvePath(`${Deno.cwd()}/`, file);
  try {
    return { path, content: await disk.read(path) };
  } catch (error) {
    console.error(`compose: cannot read ${file || "a file without name"}: ${whyUnread(error)}`);
    Deno.exit(Exit.USAGE);
  }
}

/** Loads a manifest that can be read. */
export async function open(
  file: string,
): Promise<Loaded & { diagnostics: Diagnostic[]; plan?: Plan }> {
  const { path, content } = await readManifest(file);
  const loaded = await load(path, disk, content);
  return { ...loaded, ...compile(loaded, calls) };
}

/** Prints diagnostics; as JSON they go to standard output, and as text to standard error. */
export function print(diagnostics: Diagnostic[], options: Shared): void {
  if (options.json) {
    return console.log(JSON.stringify({ diagnostics: diagnostics.map(toJson) }, null, 2));
  }
  const color = takesColor(Deno.stderr);
  for (const diagnostic of diagnostics) {
    console.error(`${render(diagnostic, color, Deno.cwd())}\n`);
  }
}

/** The plan, or the end of the command with the diagnostics and an exit code. */
export async function plan(
  file: string,
  options: Shared,
  failed: number = Exit.FAILED,
): Promise<Plan> {
  const opened = await open(file);
  if (!opened.plan || opened.diagnostics.length > 0 && !options.json) {
    print(opened.diagnostics, options);
  }
  if (!opened.plan) Deno.exit(failed);
  return opened.plan;
}
