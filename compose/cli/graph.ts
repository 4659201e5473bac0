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
      picture = await draw(picture);
    }
    console.log(options.json ? JSON.stringify({ format: options.format, picture }) : picture);
  });

/** Lays a graph out, in a process without permissions. @param dot in Graphviz's language @returns SVG */
async function draw(dot: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", new URL("./draw_graph.ts", import.meta.url).href],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const [{ success, code, stdout }] = await Promise.all([
    child.output(),
    new Response(dot).body!.pipeTo(child.stdin),
  ]);
  if (!success) throw new Error(`The graph cannot be drawn: its process ended with ${code}`);
  return new TextDecoder().decode(stdout);
}
