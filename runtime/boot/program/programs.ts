// Starts the programs of the plan: makes the process of each, opens its console, and runs it.
import { type Coroutine, finish, type Tasks } from "../../kernel/coroutine.ts";
import { E, Errno } from "../../kernel/errno.ts";
import { close } from "../../kernel/process/path/mounts.ts";
import type { Process, WaitStatus } from "../../kernel/process/process.ts";
import type { Processes } from "../../kernel/process/process_component.ts";
import { resolve } from "../../kernel/process/path/resolve.ts";
import { SIG } from "../../kernel/process/signal/signal.ts";
import { openCalls } from "../../kernel/process/path/sys_open.ts";
import { pathCalls } from "../../kernel/process/path/sys_path.ts";
import { ConsoleTty } from "../../kernel/process/tty/console_tty.ts";
import type { WindowSize } from "../../kernel/process/tty/tty.ts";
import { AT, O } from "../../kernel/vfs/constants.ts";
import { WalkFlag } from "../../kernel/vfs/protocol.ts";
import type { ProgramPlan } from "../../../schemas/plan.ts";
import { startFailure } from "./start_failure.ts";

/** What programs of the machine find in their environment unless somebody says otherwise. */
export const DEFAULT_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
};

/** Status of a program that could not be started, or is not there, as shells have it. */
export const CANNOT_START = 126, NOT_FOUND = 127;

/** How a program ended: its exit status, 128 and the signal's number for one that a signal ended. */
export function exitStatus(status: WaitStatus): { status: number; signal?: string } {
  const signal = status & 0x7f;
  return signal === 0
    ? { status: status >> 8 }
    : { status: 128 + signal, signal: signalName(signal) };
}

function signalName(number: number): string {
  const name = Object.entries(SIG).find(([, each]) => each === number)?.[0];
  return name === undefined ? `signal ${number}` : `SIG${name}`;
}

/** Gives a process its working directory. @throws Errno */
export function* enterDirectory(process: Process, path: string): Coroutine<void> {
  const cwd = yield* resolve(process, process.root, path, WalkFlag.FOLLOW | WalkFlag.DIRECTORY);
  yield* close(process.cwd);
  process.cwd = { mount: cwd.mount, handle: cwd.handle };
}

/** Runs a process as a program. @throws Errno where it cannot be executed */
export type Runner = (process: Process, program: ProgramPlan) => Coroutine<void>;

/** How long killed processes have to be gone, and how often they are looked at. */
const END_NS = 2e9, END_LOOK_NS = 1e6;

/** Of a terminal that does not say. */
const DEFAULT_SIZE: WindowSize = { rows: 24, columns: 80 };

export class Programs {
  readonly #terminals = new Map<number, ConsoleTty>();
  readonly #running = new Map<string, Process>();
  /** signals for programs that are not there yet */
  readonly #early = new Map<string, number[]>();

  constructor(
    private readonly processes: Processes,
    private readonly tasks: Tasks,
    private readonly runners: Record<ProgramPlan["kind"], Runner>,
    private readonly post: (message: Record<string, unknown>) => void,
    /** how much the terminal at a console port shows */
    private readonly sizeOf: (port: number) => WindowSize | undefined,
  ) {}

  /** Terminals have other sizes: programs on them are told. */
  resized(): void {
    for (const terminal of this.#terminals.values()) terminal.resized();
  }

  start(program: ProgramPlan): void {
    const { name, argv0, args, uid, gid } = program;
    const whenEnded = (process: Process, reason?: string) =>
      this.processes.whenEnded(process, (status) => {
        this.#running.delete(name);
        this.#early.delete(name);
        this.post({ kind: "program-ended", program: name, ...exitStatus(status), reason });
      });
    this.#early.set(name, []);
    const what = program.path ?? program.module ?? name;
    const made = this.processes.start(name, [argv0, ...args], uid, gid);
    this.tasks.spawn(made, (process, failure) => {
      if (failure instanceof Errno) {
        // Nobody serves the root now, under the contract `error`.
        this.#early.delete(name);
        const reason = startFailure(what, program.cwd, failure);
        return this.post({ kind: "program-ended", program: name, status: CANNOT_START, reason });
      }
      if (failure !== undefined) throw failure;
      this.tasks.spawn(this.#begin(program, process!), (_begun, failure) => {
        if (failure === undefined) return whenEnded(process!);
        if (!(failure instanceof Errno)) throw failure;
        whenEnded(process!, startFailure(what, program.cwd, failure));
        const status = failure.errno === E.ENOENT ? NOT_FOUND : CANNOT_START;
        this.processes.endThread(this.processes.startThread(process!), status << 8);
      });
    });
  }

  *#begin(program: ProgramPlan, process: Process): Coroutine<void> {
    const { init } = this.processes;
    let terminal: ConsoleTty | undefined;
    for (const port of [program.console, program.console, program.errors]) {
      const path = `/dev/hvc${port}`;
      // A terminal belongs to whoever uses it, as login(1) has it.
      yield* finish(pathCalls.fchownat(init, AT.FDCWD, path, program.uid, program.gid, 0));
      const fd = yield* finish(openCalls.openat(process, AT.FDCWD, path, O.RDWR, 0));
      if (!program.terminal || port !== program.console) continue;
      const characters = process.file(fd);
      terminal ??= new ConsoleTty(
        this.processes,
        characters,
        port,
        process.session,
        () => this.sizeOf(port) ?? DEFAULT_SIZE,
      );
      this.#terminals.set(port, terminal);
      process.files.replace(fd, terminal.describe(O.RDWR), false);
    }
    yield* enterDirectory(process, program.cwd);
    yield* this.runners[program.kind](process, program);
    this.#running.set(program.name, process);
    this.post({ kind: "program-started", program: program.name });
    const early = this.#early.get(program.name) ?? [];
    this.#early.delete(program.name);
    for (const signal of early) this.signal(signal, program.name);
  }

  /** Ends every process there is, whoever started it; gives up on those that do not notice. */
  *endAll(): Coroutine<void> {
    const { processes, tasks } = this, { nowNs } = processes.environment;
    const lateNs = nowNs() + END_NS;
    const left = () =>
      [...processes.all].filter((each) => each !== processes.init && each.ended === undefined);
    for (const process of left()) process.end(SIG.KILL);
    while (left().length > 0 && nowNs() < lateNs) yield* tasks.sleep(END_LOOK_NS);
  }

  /** Sends a signal to a program and what it started; to all programs without a name. */
  signal(signal: number, name?: string): void {
    for (const [program, signals] of this.#early) {
      if (name === undefined || program === name) signals.push(signal);
    }
    for (const [program, process] of this.#running) {
      if (name !== undefined && program !== name) continue;
      for (const each of [...this.processes.all]) {
        if (each.session === process.pid) each.post({ signal, code: 0, pid: 0, uid: 0 });
      }
    }
  }
}
