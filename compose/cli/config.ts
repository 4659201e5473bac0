// `compose config`: the manifest flattened, units resolved, defaults filled in.
import { Command } from "@cliffy/command";
import { stringify } from "@std/yaml";
import { isError } from "../mod.ts";
import { Exit, open, print, type Shared } from "./input.ts";

export const configCommand = new Command()
  .description("Print the flattened manifest with all defaults (sizes in bytes).")
  .arguments("<file:string>")
  .example("Variant", "compose config examples/quickstart_worker.yaml")
  .action(async (options: Shared, file: string) => {
    const { system, diagnostics } = await open(file);
    if (!system || diagnostics.some(isError)) {
      print(diagnostics, options);
      Deno.exit(Exit.FAILED);
    }
    console.log(
      options.json
        ? JSON.stringify(system, null, 2)
        : stringify(system, { skipInvalid: true, lineWidth: -1 }).trimEnd(),
    );
  });
