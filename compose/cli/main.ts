// `deno task compose`: the table of commands.
import { Command, ValidationError } from "@cliffy/command";
import { CompletionsCommand } from "@cliffy/command/completions";
import { HelpCommand } from "@cliffy/command/help";
import { checkCommand } from "./check.ts";
import { compileCommand } from "./compile.ts";
import { configCommand } from "./config.ts";
import { explainCommand } from "./explain.ts";
import { graphCommand } from "./graph.ts";
import { Exit } from "./input.ts";
import { upCommand } from "./up.ts";

const main = new Command()
  .name("compose")
  .version("0.1.0")
  .description(
    "Compose operating systems from slices.\nExit codes: 0 fine, 1 diagnostics or a failed program, 2 wrong use.",
  )
  .globalOption("--json", "machine-readable output")
  .throwErrors()
  .example("Boot", "compose up examples/quickstart.yaml")
  .command("check", checkCommand)
  .command("config", configCommand)
  .command("compile", compileCommand)
  .command("graph", graphCommand)
  .command("up", upCommand)
  .command("explain", explainCommand)
  .command("completions", new CompletionsCommand())
  .command("help", new HelpCommand());

try {
  if (Deno.args.length === 0) main.showHelp();
  else await main.parse(Deno.args);
} catch (error) {
  if (!(error instanceof ValidationError)) throw error;
  console.error(`compose: ${error.message}`);
  Deno.exit(Exit.USAGE);
}
