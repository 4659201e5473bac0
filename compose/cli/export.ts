// `compose export`: the plan as other systems' configuration.
import { Command, ValidationError } from "@cliffy/command";
import { type ExportedFile, Inexpressible } from "../export/exported.ts";
import { targets } from "../export/targets.ts";
import { resolvePath } from "../source/load.ts";
import type { Plan } from "../../schemas/plan.ts";
import { Exit, plan, type Shared } from "./input.ts";
import { makeFolder, writableFile } from "./output_place.ts";

const names = Object.keys(targets).join(", ");

export const exportCommand = new Command()
  .description(
    "Write the plan as another system's configuration.\n" +
      "One file, or one a domain. Comments in it say what that system cannot express;\n" +
      "docs/exports.md has a table.",
  )
  .arguments("<file:string>")
  .option("-t, --to <target:string>", names, { required: true })
  .option("-o, --out <folder:string>", "write files there, instead of to standard output")
  .example(
    "Device tree",
    "compose export --to device-tree examples/web.yaml | dtc -O dtb -o web.dtb",
  )
  .example("A virtual machine a domain", "compose export --to qemu -o vms examples/web.yaml")
  .example("Domains of libvirt", "compose export --to libvirt -o domains examples/web.yaml")
  .action(async (options: Shared & { to: string; out?: string }, file: string) => {
    const { to, out } = options;
    if (!Object.hasOwn(targets, to)) throw new ValidationError(`Unknown target "${to}": ${names}`);
    const files = exported(to, await plan(file, options));
    if (out !== undefined) write(files, out);
    if (options.json) {
      console.log(JSON.stringify({ target: to, files }, null, 2));
    } else if (out !== undefined) {
      for (const { name } of files) console.log(`${out}/${name}`);
    } else {
      console.log(files.map(({ text }) => text).join("\n").trimEnd());
    }
  });

function exported(target: string, compiled: Plan): ExportedFile[] {
  try {
    return targets[target](compiled);
  } catch (failure) {
    if (!(failure instanceof Inexpressible)) throw failure;
    console.error(`compose: ${failure.message}`);
    Deno.exit(Exit.FAILED);
  }
}

function write(files: ExportedFile[], folder: string): void {
  const absolute = resolvePath(`${Deno.cwd()}/`, folder);
  makeFolder(absolute, "the export");
  const places = files.map(({ name }) => writableFile(`${absolute}/${name}`, "the export"));
  for (const [index, { text }] of files.entries()) Deno.writeTextFileSync(places[index], text);
}
