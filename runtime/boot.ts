// Boots the machine that a plan describes: memory, hardware thread, domains, hart, supervisors.
import type { FaultDescription, Plan } from "../schemas/plan.ts";
import type { HostTerminal } from "./boot/consoles.ts";
import type {
  Execution,
  ExecutionEnd,
  OutputTaker,
  RunningProgram,
  SessionStream,
} from "./boot/session/executions.ts";
import { Machine } from "./boot/machine.ts";
import type { EngineName } from "./hardware/hart/make_engine.ts";
import type { TerminalSize } from "./hardware/device/virtio.ts";
import type { MachineEvent, MachineReport, MachineState } from "./report.ts";
import type { ChromeEvent, ChromeTrace } from "./trace/chrome_trace.ts";

/** What `boot` tells while the machine runs, and what stops it. */
export interface BootOptions {
  /** gets what programs print, as it comes */
  onOutput?(program: string, bytes: Uint8Array, stream: "stdout" | "stderr"): void;
  /** standard input of the program that asks for the console */
  input?: ReadableStream<Uint8Array>;
  /** set where input and output are a terminal: that program finds one, too */
  terminal?: HostTerminal;
  /** gets what happens to the machine, as it happens */
  onEvent?(event: MachineEvent): void;
  /** gets the system calls of ELF programs, a line each */
  strace?(line: string): void;
  /** what executes ELF programs; the translator unless told */
  engine?: EngineName;
  /** gets translated code as text when the machine stops, a region each, with the name of a file for it */
  onTranslated?(file: string, text: string): void;
  /** has the machine traced from its boot on, and gets the trace at its end */
  onTrace?(trace: ChromeTrace): void;
  /** goes on when no program runs any more, until it is stopped */
  stays?: boolean;
  /** stops the machine in good order when it is aborted; before it has booted, `boot` throws the reason */
  signal?: AbortSignal;
}

export type {
  ChromeEvent,
  ChromeTrace,
  EngineName,
  Execution,
  ExecutionEnd,
  HostTerminal,
  OutputTaker,
  RunningProgram,
  SessionStream,
  TerminalSize,
};

/** A machine that runs. */
export interface RunningMachine {
  /** Resolves when every program has ended and the machine has stopped. */
  wait(): Promise<MachineReport>;
  /**
   * Ends the programs, each by its signal (SIGTERM unless the manifest says otherwise) and after a time of
   * grace by SIGKILL, and stops the machine.
   * @param graceMs time of grace, in place of what the manifest says of each program, or five seconds
   */
  stop(graceMs?: number): Promise<void>;
  /**
   * Runs a further program; it ends with the machine at the latest.
   * @param take gets what it writes; a terminal has one stream, "stdout"
   * @throws Error before the machine has booted and after its end, and where too many run already
   */
  execute(execution: Execution, take: OutputTaker): RunningProgram;
  /** Sends a signal to a program and what it started. @param number as in signal(7) */
  signal(program: string, number: number): void;
  /** Says that the host's terminal has another size. */
  resize(size: TerminalSize): void;
  /**
   * Traces it for some time, to its end, or until `signal` is aborted: what every thread did, and which of it caused which.
   * @returns what Perfetto and Chrome's tracing show; of each thread the last 65,536 records
   * @throws Error where it is being traced already
   */
  trace(ms: number, signal?: AbortSignal): Promise<ChromeTrace>;
  /** How it is doing. Never resolves once it has ended. */
  look(): Promise<MachineState>;
  /** Makes a service domain fail, as a crash would. @throws Error for a domain that is not one */
  kill(domain: string): void;
  /**
   * Has something go wrong in a service domain or a device; in a domain that is being restarted, once it
   * is back.
   * @param place name of the domain or the device
   * @param fault its kind alone, or with what there is to say about it
   * @throws Error before the machine has booted and after its end, for a place that is none or where this
   * does not happen, and for a domain whose isolation does not contain it
   */
  inject(place: string, fault: FaultDescription["kind"] | FaultDescription): void;
}

/**
 * Boots a machine and starts its programs.
 *
 * @param plan what `compile` made
 * @throws Error when an image cannot be made or opened, or a domain does not start
 *
 * @example A service domain dies, and the programs do not notice
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { boot, compile, load } from "@virtuos/toolkit";
 *
 * const { plan } = compile(await load("examples/quickstart.yaml"));
 * plan!.machine.devices[0].image = `${await Deno.makeTempDir()}/disk.img`;
 * const machine = await boot(plan!);
 * machine.kill("storage");
 * const { programs, domains } = await machine.wait();
 * assertEquals(programs.map(({ status }) => status), [0, 0, 0]);
 * assertEquals(domains.find(({ name }) => name === "storage")!.restarts, 1);
 * ```
 */
export async function boot(plan: Plan, options: BootOptions = {}): Promise<RunningMachine> {
  if (plan.version !== 1) {
    throw new Error(`Cannot boot plan of version ${plan.version}: this runtime has version 1`);
  }
  const machine = new Machine(plan, options);
  await machine.start();
  return machine;
}
