// `compose check`: every problem of a manifest.
import { Command } from "@cliffy/command";
import { calls, disk } from "../disk.ts";
import { compileExperiment } from "../experiment/compile.ts";
import { isExperiment, loadExperiment } from "../experiment/load.ts";
import { type Diagnostic, isError } from "../mod.ts";
import { resolvePath } from "../source/load.ts";
import { Exit, open, print, type Shared } from "./input.ts";

export const checkCommand = new Command()
  .description("Check a manifest and report every problem.")
  .arguments("<file:string>")
  .example("Check", "compose check examples/quickstart.yaml")
  .example("An experiment", "compose check examples/experiments/overhead.yaml")
  .action(async (options: Shared, file: string) => {
    const diagnostics = await diagnose(file);
    print(diagnostics, options);
    const errors = diagnostics.filter(isError).length;
    if (!options.json) {
      console.error(
        errors === 0 ? `${file}: fine` : `${file}: ${errors} error${errors === 1 ? "" : "s"}`,
      );
    }
    Deno.exit(errors === 0 ? Exit.OK : Exit.FAILED);
  });

/** What is wrong with a manifest of either kind. */
async function diagnose(file: string): Promise<Diagnostic[]> {
  const path = resolvePath(`${Deno.cwd()}/`, file);
  if (!await disk.exists(path) || !await isExperiment(path, disk)) {
    return (await open(file)).diagnostics;
  }
  return (await compileExperiment(await loadExperiment(path, disk), disk, calls)).diagnostics;
}
