// `compose config`: the manifest flattened, defaults filled in.
import { Command } from "@cliffy/command";
import { stringify } from "@std/yaml";
import { isError } from "../mod.ts";
import { flatManifest } from "../source/flat.ts";
import { Exit, open, print, type Shared } from "./input.ts";

export const configCommand = new Command()
  .description(
    "Print the manifest as one file, with all defaults.\n" +
      "It can be read again in the folder of that file. With --json sizes are in\n" +
      "bytes, and times in the smallest unit that their field takes.",
  )
  .arguments("<file:string>")
  .example("Variant", "compose config examples/quickstart_worker.yaml")
  .action(async (options: Shared, file: string) => {
    const loaded = await open(file), { system, root, diagnostics } = loaded;
    if (!system || diagnostics.some(isError)) {
      print(diagnostics, options);
      Deno.exit(Exit.FAILED);
    }
    console.log(
      options.json
        ? JSON.stringify(system, null, 2)
        : stringify(flatManifest(loaded, root.span.file.path), { lineWidth: -1 }).trimEnd(),
    );
  });
