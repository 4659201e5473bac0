// `compose up`: boots the machine, shows what its programs print, ends with a table.
import { Command } from "@cliffy/command";
import type { MachineReport } from "../../runtime/report.ts";
import { Exit, plan, type Shared } from "./input.ts";
import { fetches, giveUpNetwork } from "./network.ts";
import { StatusLine } from "./progress.ts";
import { Interruption, stopOnSignals } from "./signals.ts";
import { type Sink, writeAll } from "./streams.ts";
import { table } from "./table.ts";
import { Terminal } from "./terminal.ts";

export const upCommand = new Command()
  .description(
    "Boot the machine and run its programs.\n" +
      "Ctrl-C ends it: programs get SIGTERM, and SIGKILL after five seconds; again, and it ends at once.",
  )
  .arguments("<file:string>")
  .example("Boot", "compose up examples/quickstart.yaml")
  .action(up);

async function up(options: Shared, file: string): Promise<void> {
  const compiled = await plan(file, options);
  // No other command pays for loading the runtime.
  const { boot } = await import("../../runtime/boot.ts");
  const reader = compiled.programs.find(({ stdin }) => stdin === "console");
  const terminal = reader === undefined || options.json ? undefined : Terminal.find();
  const color = Deno.stdout.isTerminal() && !options.json;
  const output = new PrefixedOutput(color, options.json ? Deno.stderr : Deno.stdout);
  const status = new StatusLine(!options.json, terminal), interruption = new Interruption();
  status.show(`booting ${compiled.name} ...`);
  const fail = (failure: unknown): never => {
    terminal?.takeBack();
    status.note(`compose: ${failure instanceof Error ? failure.message : failure}`);
    Deno.exit(interruption.happened ? Exit.INTERRUPTED : Exit.FAILED);
  };
  const atOnce = () => fail("ended at once: what programs did not sync may be lost");
  let leaving = false;
  const leave = () => {
    if (leaving) atOnce();
    leaving = true;
    machine.stop().catch(() => {});
  };
  if (!fetches(compiled)) giveUpNetwork();
  const machine = await boot(compiled, {
    input: reader === undefined ? undefined : terminal?.input(leave) ?? Deno.stdin.readable,
    terminal: terminal?.host,
    onOutput: (program, bytes) => {
      status.clear();
      if (terminal !== undefined && program === reader!.name) writeAll(Deno.stdout, bytes);
      else output.write(program, bytes);
    },
    onEvent: (event) => {
      if (event.kind === "images-ready") giveUpNetwork();
      if (options.json) return;
      if (event.kind === "image-progress") status.image(event);
      else if (event.kind === "booted") {
        status.note(`booted ${compiled.name} in ${event.ms.toFixed(0)} ms`);
      } else if (event.kind === "log") status.note(`[${event.domain}] ${event.line}`);
    },
    signal: interruption.signal,
  }).catch(fail);
  interruption.end();
  stopOnSignals(machine, compiled.programs.map(({ name }) => name), atOnce);
  terminal?.give(machine);
  const watched = terminal === undefined ? status.watch(machine) : () => {};
  const report = await machine.wait().catch(fail);
  watched();
  terminal?.takeBack();
  output.flush();
  console.log(options.json ? JSON.stringify(report, null, 2) : `\n${summarize(report)}`);
  const failed = report.programs.find((program) => program.status !== 0);
  Deno.exit(failed?.status ?? Exit.OK);
}

function summarize(report: MachineReport): string {
  const rows = report.domains.map((one) => [
    one.name,
    one.isolation,
    `${Math.round((one.memoryBytes + one.heapBytes) / 2 ** 20)} MiB`,
    String(one.calls),
    String(one.roundTrips),
    String(one.doorbells),
    String(one.restarts),
    String(one.faults),
  ]);
  const programs = report.programs.map(({ name, status, signal }) => `${name}: ${signal ?? status}`)
    .join(", ");
  return `${
    table([
      "domain",
      "isolation",
      "memory",
      "calls",
      "round trips",
      "doorbells",
      "restarts",
      "faults",
    ], rows)
  }\n\n` +
    `${programs}; ${report.seconds.toFixed(2)} s`;
}

/** Puts the program's name before each line; a line that is not complete waits for its end. */
class PrefixedOutput {
  #pending = new Map<string, { decoder: TextDecoder; text: string }>();

  constructor(
    private readonly color: boolean,
    private readonly sink: Sink,
  ) {}

  write(program: string, bytes: Uint8Array): void {
    const pending = this.#pending.get(program) ?? { decoder: new TextDecoder(), text: "" };
    this.#pending.set(program, pending);
    const lines = (pending.text + pending.decoder.decode(bytes, { stream: true })).split("\n");
    pending.text = lines.pop()!;
    for (const line of lines) this.#line(program, line);
  }

  flush(): void {
    for (const [program, { text }] of this.#pending) if (text !== "") this.#line(program, text);
    this.#pending.clear();
  }

  #line(program: string, line: string): void {
    const name = this.color ? `\x1b[36m${program}\x1b[0m` : program;
    writeAll(this.sink, new TextEncoder().encode(`${name} | ${line}\n`));
  }
}
