// `deno task compose`: the table of commands.
import { Command, ValidationError } from "@cliffy/command";
import { CompletionsCommand } from "@cliffy/command/completions";
import { HelpCommand } from "@cliffy/command/help";
import { checkCommand } from "./check.ts";
import { compareCommand } from "./compare.ts";
import { compileCommand } from "./compile.ts";
import { configCommand } from "./config.ts";
import { experimentCommand } from "./experiment.ts";
import { explainCommand } from "./explain.ts";
import { exportCommand } from "./export.ts";
import { faultCommand } from "./fault.ts";
import { graphCommand } from "./graph.ts";
import { makeExecCommand } from "./exec.ts";
import { Exit } from "./input.ts";
import { killCommand } from "./kill.ts";
import { logsCommand } from "./logs.ts";
import { psCommand } from "./ps.ts";
import { makeRunCommand } from "./run.ts";
import { downCommand, stopCommand } from "./stop.ts";
import { listSystems } from "./system/system_folder.ts";
import { topCommand } from "./top.ts";
import { traceCommand } from "./trace.ts";
import { upCommand } from "./up.ts";

// What follows `--` belongs to a program that is to be run.
const split = Deno.args.indexOf("--");
const own = split < 0 ? Deno.args : Deno.args.slice(0, split);
const literal = split < 0 ? [] : Deno.args.slice(split + 1);

const main = new Command()
  .name("compose")
  .version("0.1.0")
  .description(
    "Compose operating systems from slices.\n" +
      "Exit codes: 0 fine, 1 diagnostics or a failed program, 2 wrong use;\n" +
      "`run` and `exec` have the program's own.",
  )
  .globalOption("--json", "machine-readable output")
  .globalComplete("system", () => listSystems().map(({ name }) => name))
  .throwErrors()
  .example("Boot", "compose up examples/quickstart.yaml")
  .example("In the background", "compose up -d server.yaml && compose logs -f server")
  .example("One program", "compose run examples/debian-shell.yaml -- /bin/busybox uname -a")
  .command("check", checkCommand)
  .command("config", configCommand)
  .command("compile", compileCommand)
  .command("graph", graphCommand)
  .command("export", exportCommand)
  .command("compare", compareCommand)
  .command("experiment", experimentCommand)
  .command("up", upCommand)
  .command("run", makeRunCommand(literal))
  .command("ps", psCommand)
  .command("top", topCommand)
  .command("trace", traceCommand)
  .command("logs", logsCommand)
  .command("exec", makeExecCommand(literal))
  .command("kill", killCommand)
  .command("fault", faultCommand)
  .command("stop", stopCommand)
  .command("down", downCommand)
  .command("explain", explainCommand)
  .command("completions", new CompletionsCommand())
  .command("help", new HelpCommand());

/** What the host refused, such as to write to a full disk, is no fault of ours. */
function isOfHost(error: unknown): error is Error {
  return error instanceof Error && /\(os error \d+\)/.test(error.message);
}

try {
  if (own.length === 0) main.showHelp();
  else await main.parse(own);
} catch (error) {
  if (!(error instanceof ValidationError || isOfHost(error))) throw error;
  console.error(`compose: ${error.message}`);
  Deno.exit(error instanceof ValidationError ? Exit.USAGE : Exit.FAILED);
}
