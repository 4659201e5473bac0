// `compose check`: every problem of a manifest.
import { Command } from "@cliffy/command";
import { calls, disk } from "../disk.ts";
import { compileExperiment } from "../experiment/compile.ts";
import { isExperiment, loadExperiment } from "../experiment/load.ts";
import { compile, type Diagnostic, isError, load } from "../mod.ts";
import { Exit, print, readManifest, type Shared } from "./input.ts";

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
      console.error(`${file}: ${summary(errors, diagnostics.length - errors)}`);
    }
    Deno.exit(errors === 0 ? Exit.OK : Exit.FAILED);
  });

function summary(errors: number, warnings: number): string {
  const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;
  const parts = [
    errors === 0 ? "fine" : counted(errors, "error"),
    ...(warnings === 0 ? [] : [counted(warnings, "warning")]),
  ];
  return parts.join(", ");
}

/** What is wrong with a manifest of either kind; with an experiment, in full and in little. */
async function diagnose(file: string): Promise<Diagnostic[]> {
  const { path, content } = await readManifest(file);
  if (!isExperiment(path, content)) {
    return compile(await load(path, disk, content), calls).diagnostics;
  }
  const compiled = async (quick: boolean) =>
    (await compileExperiment(await loadExperiment(path, disk, quick), disk, calls)).diagnostics;
  const full = await compiled(false);
  const known = new Set(full.map(keyOf));
  const onlyInLittle = (await compiled(true)).filter((one) => !known.has(keyOf(one)));
  return [...full, ...onlyInLittle];
}

function keyOf({ code, message, span: { file, line, column } }: Diagnostic): string {
  return `${code} ${file.path}:${line}:${column} ${message}`;
}
