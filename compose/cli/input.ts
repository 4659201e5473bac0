// What all commands share: reading a manifest from disk, showing diagnostics, exit codes.
import { compile, type Diagnostic, load, type Loaded, render, toJson } from "../mod.ts";
import type { Plan } from "../../schemas/plan.ts";
import { resolvePath } from "../source/load.ts";
import { calls, disk } from "../disk.ts";

/**
 * Exit codes: fine; diagnostics or a failed program; wrong use of the command. `run` has the program's own,
 * and one for what is not the program's fault. Interrupted is what SIGINT leaves.
 */
export const Exit = { OK: 0, FAILED: 1, USAGE: 2, MACHINE: 125, INTERRUPTED: 130 } as const;

export interface Shared {
  json?: boolean;
}

/** Loads a manifest; says which file is missing and ends with {@link Exit.USAGE}. */
export async function open(
  file: string,
): Promise<Loaded & { diagnostics: Diagnostic[]; plan?: Plan }> {
  const path = resolvePath(`${Deno.cwd()}/`, file);
  let content: string;
  try {
    content = await disk.read(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "no such file" : (error as Error).message;
    console.error(`compose: cannot read ${file}: ${why}`);
    Deno.exit(Exit.USAGE);
  }
  const loaded = await load(path, disk, content);
  return { ...loaded, ...compile(loaded, calls) };
}

/** Prints diagnostics; as JSON they go to standard output, and as text to standard error. */
export function print(diagnostics: Diagnostic[], options: Shared): void {
  if (options.json) {
    return console.log(JSON.stringify({ diagnostics: diagnostics.map(toJson) }, null, 2));
  }
  const color = Deno.stderr.isTerminal();
  for (const diagnostic of diagnostics) console.error(`${render(diagnostic, color)}\n`);
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
