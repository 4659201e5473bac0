// `compose run`: one program on a described machine, as if it were a program of the host: input, output,
// signals and exit status go through.
import { Command, ValidationError } from "@cliffy/command";
import { limits } from "../../schemas/limits.ts";
import { amountText } from "../../schemas/manifest_shape.ts";
import type { EngineName } from "../../runtime/boot.ts";
import type { Plan, ProgramPlan } from "../../schemas/plan.ts";
import { Exit, plan, type Shared } from "./input.ts";
import { makeFolder, writableFile } from "./output_place.ts";
import { giveUpNetwork } from "./network.ts";
import {
  type ProgramOptions,
  programWords,
  readProgramOptions,
  withProgramOptions,
} from "./program_options.ts";
import { StatusLine } from "./terminal/progress.ts";
import { forwardSignals, Interruption } from "./terminal/signals.ts";
import { writeAll } from "./terminal/streams.ts";
import { Terminal } from "./terminal/terminal.ts";
import { writeTrace } from "./trace_file.ts";

const NAME = "program";
const ENGINES: readonly EngineName[] = ["translator", "interpreter", "lockstep"];
const SIGKILL = 9, SIGPIPE = 13;

interface Options extends Shared, ProgramOptions {
  strace?: boolean;
  engine?: string;
  dump?: string;
  trace?: string;
  verbose?: boolean;
}

/** @param words what follows `--`: the program and its arguments */
export function makeRunCommand(words: string[]): Command {
  const command = new Command()
    .description(
      "Run one program on the machine.\n" +
        "Input, output, signals and exit status are passed through. On a terminal it\n" +
        "has that terminal: Ctrl-A x kills it, Ctrl-A Ctrl-A is a Ctrl-A.\n" +
        "Exit codes: the program's; 128 and the number of a signal that ended it;\n" +
        "127 where it is not there, 126 where it cannot be executed; 125 where the\n" +
        "machine fails; 2 wrong use.",
    )
    .arguments("<file:string> [program...:string]").usage(
      "[options] <file> -- <program> [arguments...]",
    );
  return withProgramOptions(command)
    .option("--strace", "print its system calls on standard error")
    .option(
      "--engine <name:string>",
      "what executes it: translator, interpreter, or lockstep, both compared",
    )
    .option(
      "--dump <folder:string>",
      "write translated code there when it has ended, a region a file",
    )
    .option("--trace <file:string>", "write there at the end what every thread did, for Perfetto")
    .option("--verbose", "print what the machine does on standard error")
    .example("A shell", "compose run examples/debian-shell.yaml -- sh")
    .example("A shell script", "compose run system.yaml -- sh -c 'ls /'")
    .example("In a pipe", "echo 6*7 | compose run system.yaml -- bc")
    .action((options: Options, file: string, ...undelimited: string[]) =>
      run(file, programWords(`compose run ${file}`, words, undelimited), options)
    );
}

async function run(file: string, words: string[], options: Options): Promise<void> {
  const program = programOf(words, options), engine = engineOf(options);
  if (options.trace !== undefined) options.trace = writableFile(options.trace, "the trace");
  const { dump } = options;
  if (dump !== undefined) makeFolder(dump, "the translated code");
  const compiled = withProgram(await plan(file, options, Exit.MACHINE), program);
  const { boot } = await import("../../runtime/boot.ts");
  const terminal = Terminal.find(), status = new StatusLine(true, terminal);
  const interruption = new Interruption();
  const fail = (failure: unknown): never => {
    terminal?.takeBack();
    status.note(`compose: ${failure instanceof Error ? failure.message : failure}`);
    Deno.exit(interruption.happened ? Exit.INTERRUPTED : Exit.MACHINE);
  };
  let leaving = false;
  const leave = () => {
    // Asked twice, nobody waits for a machine that does not answer.
    if (leaving) fail("left a machine that does not end");
    leaving = true;
    machine.signal(NAME, SIGKILL);
  };
  let heard = true;
  giveUpNetwork(compiled, "start");
  const machine = await boot(compiled, {
    input: terminal?.input(leave) ?? Deno.stdin.readable,
    terminal: terminal?.host,
    onOutput: (_program, bytes, stream) => {
      status.clear();
      if (!heard) return;
      heard = writeAll(stream === "stdout" ? Deno.stdout : Deno.stderr, bytes);
      if (!heard) machine.signal(NAME, SIGPIPE);
    },
    onEvent: (event) => {
      giveUpNetwork(compiled, event.kind);
      if (event.kind === "image-progress") status.image(event);
      else if (event.kind === "booted") status.clear();
      else if (event.kind === "log" && (options.verbose || event.domain === NAME)) {
        status.note(`compose: ${event.domain === NAME ? "" : `${event.domain}: `}${event.line}`);
      } else if (event.kind === "domain-failed" && options.verbose) {
        status.note(`compose: domain "${event.domain}" failed: ${event.reason}`);
      }
    },
    engine,
    onTranslated: dump === undefined
      ? undefined
      : (file, text) => Deno.writeTextFileSync(`${dump}/${file}`, text),
    strace: options.strace ? (line) => status.note(line) : undefined,
    onTrace: options.trace === undefined
      ? undefined
      : (trace) => status.note(writeTrace(options.trace!, trace)),
    signal: interruption.signal,
  }).catch(fail);
  interruption.end();
  forwardSignals(machine, NAME, () => fail("left a machine that does not end"));
  terminal?.give(machine);
  const report = await machine.wait().catch(fail);
  terminal?.takeBack();
  if (options.json) console.error(JSON.stringify(report, null, 2));
  else if (options.verbose) {
    for (const { name, count } of report.missingCalls) {
      status.note(`compose: nobody serves ${name}, called ${count} times`);
    }
  }
  // One that was interrupted before its program began has no status of it.
  Deno.exit(interruption.happened ? Exit.INTERRUPTED : report.programs[0].status);
}

/** @throws ValidationError for an engine that is not there, and for one that has nothing to dump */
function engineOf({ engine = "translator", dump }: Options): EngineName {
  const name = ENGINES.find((each) => each === engine);
  if (name === undefined) {
    throw new ValidationError(`Say --engine ${ENGINES.join(", or ")}, not "${engine}"`);
  }
  if (dump !== undefined && name !== "translator") {
    throw new ValidationError(`There is no translated code to dump with --engine ${name}`);
  }
  return name;
}

function programOf(words: string[], options: Options): ProgramPlan {
  const [path, ...args] = words;
  return {
    name: NAME,
    kind: "elf",
    path,
    argv0: path,
    args,
    ...readProgramOptions(options),
    console: 0,
    errors: 1,
    stdin: "console",
    terminal: false,
  };
}

/** The machine with this one program, in place of those that its manifest has. */
function withProgram(plan: Plan, program: ProgramPlan): Plan {
  const { userMemoryBytes } = plan.machine;
  if (userMemoryBytes < limits.userMemoryBytes.min) {
    const left = amountText(Math.floor(userMemoryBytes / 4096) * 4096, "bytes");
    console.error(
      `compose: domains and rings leave ${left} of the machine's memory for programs, which need ${
        amountText(limits.userMemoryBytes.min, "bytes")
      }`,
    );
    Deno.exit(Exit.MACHINE);
  }
  return { ...plan, programs: [program] };
}
