// `compose up`: boots the machine, shows what its programs print, ends with a table.
import { Command } from "@cliffy/command";
import type { MachineReport } from "../../runtime/report.ts";
import { Exit, plan, type Shared } from "./input.ts";
import { StatusLine } from "./progress.ts";
import { table } from "./table.ts";

export const upCommand = new Command()
  .description("Boot the machine and run its programs.")
  .arguments("<file:string>")
  .example("Boot", "compose up examples/quickstart.yaml")
  .action(async (options: Shared, file: string) => {
    const compiled = await plan(file, options);
    // No other command pays for loading the runtime.
    const { boot } = await import("../../runtime/boot.ts");
    const stopping = new AbortController();
    const onInterrupt = () => stopping.abort();
    Deno.addSignalListener("SIGINT", onInterrupt);
    const color = Deno.stdout.isTerminal() && !options.json;
    const output = new PrefixedOutput(color, options.json ? Deno.stderr : Deno.stdout);
    const status = new StatusLine(!options.json);
    status.show(`booting ${compiled.name} ...`);
    const fail = (failure: unknown): never => {
      status.clear();
      console.error(`compose: ${failure instanceof Error ? failure.message : failure}`);
      Deno.exit(Exit.FAILED);
    };
    const machine = await boot(compiled, {
      input: compiled.programs.some(({ stdin }) => stdin === "console")
        ? Deno.stdin.readable
        : undefined,
      onOutput: (program, bytes) => {
        status.clear();
        output.write(program, bytes);
      },
      onEvent: (event) => {
        if (options.json) return;
        if (event.kind === "image-progress") status.image(event);
        else if (event.kind === "booted") {
          status.note(`booted ${compiled.name} in ${event.ms.toFixed(0)} ms`);
        } else if (event.kind === "log") status.note(`[${event.domain}] ${event.line}`);
      },
      signal: stopping.signal,
    }).catch(fail);
    const report = await machine.wait().catch(fail);
    output.flush();
    Deno.removeSignalListener("SIGINT", onInterrupt);
    console.log(options.json ? JSON.stringify(report, null, 2) : `\n${summarize(report)}`);
    const failed = report.programs.find((program) => program.status !== 0);
    Deno.exit(failed?.status ?? Exit.OK);
  });

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
  const programs = report.programs.map((program) => `${program.name}: ${program.status}`).join(
    ", ",
  );
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
    private readonly sink: { writeSync(bytes: Uint8Array): number },
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
    let bytes = new TextEncoder().encode(`${name} | ${line}\n`);
    while (bytes.length > 0) bytes = bytes.subarray(this.sink.writeSync(bytes));
  }
}
