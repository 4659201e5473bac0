// `compose run`: one program on a described machine, as if it were a program of the host: input, output and
// exit status go through.
import { Command, ValidationError } from "@cliffy/command";
import type { Plan, ProgramPlan } from "../../schemas/plan.ts";
import { Exit, plan, type Shared } from "./input.ts";
import { StatusLine } from "./progress.ts";

/** Signals that go on to the program, by their numbers there. */
const FORWARDED = { SIGINT: 2, SIGTERM: 15 } as const;

interface Options extends Shared {
  cwd?: string;
  uid?: number;
  strace?: boolean;
  verbose?: boolean;
}

/** @param words what follows `--`: the program and its arguments */
export function makeRunCommand(words: string[]): Command {
  return new Command()
    .description(
      "Run one program on the machine, with input, output and exit status passed through.\n" +
        "128 and the signal's number is the status of a program that a signal ended.",
    )
    .arguments("<file:string>")
    .option("--cwd <path:string>", "directory that it begins in", { default: "/" })
    .option("--uid <id:integer>", "user that it runs as", { default: 0 })
    .option("--strace", "print its system calls on standard error")
    .option("--verbose", "print what the machine does on standard error")
    .example("A shell script", "compose run system.yaml -- /bin/sh -c 'ls /'")
    .example("In a pipe", "echo 6*7 | compose run system.yaml -- /usr/bin/bc")
    .action(async (options: Options, file: string) => {
      if (words.length === 0) throw new ValidationError("Say which program to run, after --");
      const compiled = withProgram(await plan(file, options), words, options);
      const { boot } = await import("../../runtime/boot.ts");
      const status = new StatusLine(true);
      const fail = (failure: unknown): never => {
        status.note(`compose: ${failure instanceof Error ? failure.message : failure}`);
        Deno.exit(Exit.FAILED);
      };
      const machine = await boot(compiled, {
        input: Deno.stdin.readable,
        onOutput: (_program, bytes, stream) => {
          status.clear();
          writeAll(stream === "stdout" ? Deno.stdout : Deno.stderr, bytes);
        },
        onEvent: (event) => {
          if (event.kind === "image-progress") status.image(event);
          else if (event.kind === "booted") status.clear();
          else if (event.kind === "log" && (options.verbose || event.domain === NAME)) {
            status.note(`compose: ${event.domain}: ${event.line}`);
          }
        },
        strace: options.strace ? (line) => status.note(line) : undefined,
      }).catch(fail);
      for (const [signal, number] of Object.entries(FORWARDED)) {
        Deno.addSignalListener(signal as Deno.Signal, () => machine.signal(NAME, number));
      }
      const report = await machine.wait().catch(fail);
      for (const { name, count } of options.verbose ? report.missingCalls : []) {
        status.note(`compose: nobody serves ${name}, called ${count} times`);
      }
      Deno.exit(report.programs[0].status);
    });
}

const NAME = "program";

/** The machine with this one program, in place of those that its manifest has. */
function withProgram(compiled: Plan, [path, ...args]: string[], options: Options): Plan {
  if (!path.startsWith("/")) {
    throw new ValidationError(
      `Name the program by its path in the machine: "${path}" is not absolute`,
    );
  }
  const program: ProgramPlan = {
    name: NAME,
    kind: "elf",
    path,
    argv0: path,
    args,
    env: compiled.programs.find(({ kind }) => kind === "elf")?.env ?? {},
    cwd: options.cwd ?? "/",
    uid: options.uid ?? 0,
    gid: options.uid ?? 0,
    console: 0,
    errors: 1,
    stdin: "console",
    terminal: false,
  };
  return { ...compiled, programs: [program] };
}

function writeAll(sink: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  while (bytes.length > 0) bytes = bytes.subarray(sink.writeSync(bytes));
}
