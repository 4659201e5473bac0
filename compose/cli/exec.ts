// `compose exec`: a further program on a system that runs, as if it were a program of the host: input,
// output, signals and exit status go through.
import { Command } from "@cliffy/command";
import {
  MAX_PIECE_BYTES,
  MAX_UNADMITTED_BYTES,
} from "../../runtime/boot/control/control_protocol.ts";
import type { ExecutionEnd } from "../../runtime/boot/session/executions.ts";
import { ControlClient, Refused } from "./system/control_client.ts";
import { findRunning } from "./system/find_system.ts";
import { Exit, type Shared } from "./input.ts";
import {
  type ProgramOptions,
  programWords,
  readProgramOptions,
  withProgramOptions,
} from "./program_options.ts";
import { forwardSignals } from "./terminal/signals.ts";
import { writeAll } from "./terminal/streams.ts";
import { Terminal } from "./terminal/terminal.ts";

const SIGKILL = 9, SIGPIPE = 13;

interface Options extends Shared, ProgramOptions {
  terminal?: boolean;
  input?: boolean;
}

/** @param words what follows `--`: the program and its arguments */
export function makeExecCommand(words: string[]): Command {
  const command = new Command()
    .description(
      "Run a further program on a running system.\n" +
        "Input, output, signals and exit status are passed through. On a terminal it\n" +
        "has one: Ctrl-A x kills it, Ctrl-A Ctrl-A is a Ctrl-A.\n" +
        "Exit codes: the program's; 128 and the number of a signal that ended it;\n" +
        "127 where it is not there, 126 where it cannot be executed; 125 where no such\n" +
        "system runs; 2 wrong use.",
    )
    .arguments("<system:string:system> [program...:string]")
    .usage("[options] <system> -- <program> [arguments...]");
  return withProgramOptions(command)
    .option("--no-terminal", "give it pipes, on a terminal, too")
    .option("--no-input", "give it an empty input, and read nothing: for loops over lines")
    .example("A shell", "compose exec server -- /bin/sh")
    .example("In a pipe", "compose exec server -- tar c /etc > etc.tar")
    .example("As another user", "compose exec --user 33:33 server -- id")
    .action((options: Options, system: string, ...undelimited: string[]) =>
      exec(system, programWords(`compose exec ${system}`, words, undelimited), options)
    );
}

async function exec(given: string, words: string[], options: Options): Promise<void> {
  const { env, ...rest } = readProgramOptions(options);
  const { folder } = findRunning(given, Exit.MACHINE);
  const reads = options.input !== false;
  const terminal = options.terminal === false || !reads ? undefined : Terminal.find();
  const fail = (failure: unknown): never => {
    terminal?.takeBack();
    console.error(`compose: ${failure instanceof Error ? failure.message : failure}`);
    Deno.exit(Exit.MACHINE);
  };
  const client = await ControlClient.ask(folder, {
    do: "execute",
    execution: {
      words,
      env: terminal === undefined ? env : { TERM: terminal.host.type, ...env },
      ...rest,
      ...(terminal === undefined ? {} : { terminal: terminal.host.size }),
    },
  }).catch(fail);
  const signal = (_program: string, number: number) => void client.tell({ signal: number });
  const left = () => fail("left a program that does not end");
  forwardSignals({ signal }, "", left);
  let leaving = false;
  const leave = () => {
    if (leaving) left();
    leaving = true;
    signal("", SIGKILL);
  };
  const credit = new Credit();
  if (reads) void send(client, terminal?.input(leave) ?? Deno.stdin.readable, credit);
  else void client.tell({ endInput: true });
  terminal?.give({ resize: (size) => void client.tell({ resize: size }) });
  const end = await receive(client, credit, () => signal("", SIGPIPE)).catch(fail);
  terminal?.takeBack();
  if (end.reason !== undefined) console.error(`compose: ${end.reason}`);
  if (options.json) console.error(JSON.stringify(end));
  Deno.exit(end.status);
}

/** What may still be sent before the other side admits more. */
class Credit {
  #bytes = MAX_UNADMITTED_BYTES;
  #changed = Promise.withResolvers<void>();

  admit(bytes: number): void {
    this.#bytes += bytes;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async take(bytes: number): Promise<void> {
    while (this.#bytes < bytes) await this.#changed.promise;
    this.#bytes -= bytes;
  }
}

async function send(
  client: ControlClient,
  input: ReadableStream<Uint8Array>,
  credit: Credit,
): Promise<void> {
  for await (const bytes of input) {
    for (let done = 0; done < bytes.length; done += MAX_PIECE_BYTES) {
      const piece = bytes.subarray(done, done + MAX_PIECE_BYTES);
      await credit.take(piece.length);
      await client.tell({ input: piece });
    }
  }
  await client.tell({ endInput: true });
}

/** Shows what the program writes, until it ends. @param unheard called where nobody reads that any more */
async function receive(
  client: ControlClient,
  credit: Credit,
  unheard: () => void,
): Promise<ExecutionEnd> {
  let heard = true;
  for (let answer = await client.next(); answer !== undefined; answer = await client.next()) {
    if ("admitted" in answer) credit.admit(answer.admitted);
    else if ("ended" in answer) return answer.ended;
    else if ("output" in answer && heard) {
      heard = writeAll(answer.stream === "stdout" ? Deno.stdout : Deno.stderr, answer.output);
      if (!heard) unheard();
    }
  }
  throw new Refused("the system has ended");
}
