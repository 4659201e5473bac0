// The consoles of a machine's programs on its host: a port for standard input and output, another for
// standard error; what the host reads goes to the program that asks for it.
import type { TerminalSize } from "../hardware/device/virtio.ts";
import type { Plan, ProgramPlan } from "../../schemas/plan.ts";
import type { DeviceThread } from "./device/device_thread.ts";

/** How long a program's input waits where the program does not read what it has. */
const FULL_MS = 10;
/** The devices are told of what was written in pieces of this size, not for every word that a program says. */
const WRITTEN_BYTES = 256 << 10;

/** Where programs read and print, as whoever boots the machine sees it. */
export interface HostConsole {
  /** standard input of the program that asks for it */
  input?: ReadableStream<Uint8Array>;
  /** set where input and output are a terminal */
  terminal?: HostTerminal;
  output?(program: string, bytes: Uint8Array, stream: "stdout" | "stderr"): void;
  /** told why input ended early */
  log(line: string): void;
}

/** A terminal of the host. */
export interface HostTerminal {
  /** what it understands, as the environment's TERM says it */
  type: string;
  /** how much it shows at first */
  size: TerminalSize;
  /** whether standard error is that terminal, too */
  errors: boolean;
}

export class Consoles {
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #written: number[];

  constructor(
    private readonly programs: ProgramPlan[],
    private readonly devices: DeviceThread,
    private readonly host: HostConsole,
  ) {
    this.#written = new Array(portsOf(programs)).fill(0);
  }

  /** Gives the programs their input: what the host reads, or nothing. */
  open(): void {
    const { input, terminal } = this.host;
    if (terminal !== undefined) this.resize(terminal.size);
    for (const { console, stdin } of this.programs) {
      if (stdin !== "console" || input === undefined) this.devices.endInput(console);
      else void this.#feed(console, input);
    }
  }

  /** The host's terminal has another size. */
  resize(size: TerminalSize): void {
    for (const { console, terminal } of this.programs) {
      if (terminal) this.devices.resize(console, size);
    }
  }

  /** What came out of a port. */
  output(port: number, bytes: Uint8Array): void {
    const program = this.programs.find(({ console, errors }) =>
      port === console || port === errors
    );
    if (program === undefined) return;
    try {
      this.host.output?.(program.name, bytes, port === program.console ? "stdout" : "stderr");
    } finally {
      this.#written[port] += bytes.length;
      if (this.#written[port] >= WRITTEN_BYTES) {
        this.devices.written(port, this.#written[port]);
        this.#written[port] = 0;
      }
    }
  }

  /** Reads nothing more of the host. */
  close(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.releaseLock();
  }

  async #feed(port: number, input: ReadableStream<Uint8Array>): Promise<void> {
    const reader = this.#reader = input.getReader();
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        while (this.#reader !== undefined && !await this.devices.input(port, part.value)) {
          await new Promise((resolve) => setTimeout(resolve, FULL_MS));
        }
      }
    } catch (failure) {
      // Nobody reads any more: the machine has ended.
      if (this.#reader === undefined) return;
      this.host.log(`input ended: ${(failure as Error).message}`);
    }
    this.devices.endInput(port);
  }
}

/** How many ports there have to be for the consoles of these programs. */
export function portsOf(programs: ProgramPlan[]): number {
  return 1 + Math.max(-1, ...programs.flatMap(({ console, errors }) => [console, errors]));
}

/** Programs that ask for the console, where that is a terminal. */
export function withTerminal(plan: Plan, terminal: HostTerminal | undefined): Plan {
  if (terminal === undefined) return plan;
  const programs = plan.programs.map((program): ProgramPlan =>
    program.stdin !== "console" ? program : {
      ...program,
      terminal: true,
      errors: terminal.errors ? program.console : program.errors,
      env: { TERM: terminal.type, ...program.env },
    }
  );
  return { ...plan, programs };
}
