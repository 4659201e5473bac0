// `compose check`: every problem of a manifest.
import { Command } from "@cliffy/command";
import { isError } from "../mod.ts";
import { Exit, open, print, type Shared } from "./input.ts";

export const checkCommand = new Command()
  .description("Check a manifest and report every problem.")
  .arguments("<file:string>")
  .example("Check", "compose check examples/quickstart.yaml")
  .action(async (options: Shared, file: string) => {
    const { diagnostics } = await open(file);
    print(diagnostics, options);
    const errors = diagnostics.filter(isError).length;
    if (!options.json) {
      console.error(
        errors === 0 ? `${file}: fine` : `${file}: ${errors} error${errors === 1 ? "" : "s"}`,
      );
    }
    Deno.exit(errors === 0 ? Exit.OK : Exit.FAILED);
  });
