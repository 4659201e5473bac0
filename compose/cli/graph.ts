// `compose graph`: the composition as a picture.
import { Command, ValidationError } from "@cliffy/command";
import { toDot, toMermaid } from "../export/graph.ts";
import { plan, type Shared } from "./input.ts";

export const graphCommand = new Command()
  .description("Draw domains, components, devices and rings.")
  .arguments("<file:string>")
  .option("-f, --format <format:string>", "dot, mermaid or svg", { default: "dot" })
  .example("Picture", "compose graph --format svg examples/quickstart.yaml > quickstart.svg")
  .action(async (options: Shared & { format: string }, file: string) => {
    if (!["dot", "mermaid", "svg"].includes(options.format)) {
      throw new ValidationError(`Unknown format "${options.format}": dot, mermaid or svg`);
    }
    const compiled = await plan(file, options);
    let picture = options.format === "mermaid" ? toMermaid(compiled) : toDot(compiled);
    if (options.format === "svg") {
      const { instance } = await import("@viz-js/viz");
      picture = (await instance()).renderString(picture, { format: "svg" });
    }
    console.log(options.json ? JSON.stringify({ format: options.format, picture }) : picture);
  });
