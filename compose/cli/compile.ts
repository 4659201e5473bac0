// `compose compile`: the plan as data, or as tables for people.
import { Command, ValidationError } from "@cliffy/command";
import { stringify } from "@std/yaml";
import { amountText } from "../../schemas/manifest_shape.ts";
import type { Plan } from "../../schemas/plan.ts";
import { plan, type Shared } from "./input.ts";
import { table } from "./table.ts";

export const compileCommand = new Command()
  .description("Compile a manifest to its plan.")
  .arguments("<file:string>")
  .option("-f, --format <format:string>", "yaml, json or summary", { default: "summary" })
  .example("As data", "compose compile --format json examples/quickstart.yaml")
  .action(async (options: Shared & { format: string }, file: string) => {
    const format = options.json ? "json" : options.format;
    if (!["yaml", "json", "summary"].includes(format)) {
      throw new ValidationError(`Unknown format "${format}": yaml, json or summary`);
    }
    const compiled = await plan(file, options);
    if (format === "json") console.log(JSON.stringify(compiled, null, 2));
    else {console.log(
        format === "yaml" ? stringify(compiled, { lineWidth: -1 }).trimEnd() : summarize(compiled),
      );}
  });

const hex = (address: number) => `0x${address.toString(16)}`;

function summarize(plan: Plan): string {
  return [
    table(
      ["domain", "isolation", "memory", "at", "components", "devices"],
      plan.domains.map((domain) => [
        domain.name,
        domain.isolation,
        amountText(domain.memory.sizeBytes, "bytes"),
        hex(domain.memory.address),
        domain.components.map((component) => component.name).join(" "),
        domain.devices.join(" "),
      ]),
    ),
    table(
      ["ring", "carries", "depth", "arena", "at"],
      plan.rings.map((
        ring,
      ) => [
        ring.name,
        ring.interface,
        String(ring.depth),
        amountText(ring.arenaBytes, "bytes"),
        hex(ring.address),
      ]),
    ),
    table(
      ["mount", "type", "served by"],
      plan.mounts.map((mount) => [mount.path, mount.type, `${mount.component} in ${mount.domain}`]),
    ),
    table(
      ["program", "runs"],
      plan.programs.map((program) => [program.name, program.path ?? program.module!]),
    ),
  ].join("\n\n");
}
