// Starts the programs of the plan: makes the process of each, opens its console, and runs it.
import { type Coroutine, finish, type Tasks } from "../kernel/coroutine.ts";
import { Errno } from "../kernel/errno.ts";
import { request } from "../kernel/process/mounts.ts";
import type { Process, WaitStatus } from "../kernel/process/process.ts";
import type { Processes } from "../kernel/process/process_component.ts";
import { resolve } from "../kernel/process/resolve.ts";
import { openCalls } from "../kernel/process/sys_open.ts";
import { AT, O } from "../kernel/vfs/constants.ts";
import { Call, WalkFlag } from "../kernel/vfs/protocol.ts";
import type { ProgramPlan } from "../../schemas/plan.ts";

/** Status of a program that could not be started, as shells have it. */
const CANNOT_START = 126;

/** How a program ended: its exit status, 128 and the signal's number for one that a signal ended. */
export function exitStatus(status: WaitStatus): number {
  const signal = status & 0x7f;
  return signal === 0 ? status >> 8 : 128 + signal;
}

/** Runs a process as a program. @throws Errno where it cannot be executed */
export type Runner = (process: Process, program: ProgramPlan) => Coroutine<void>;

export class Programs {
  readonly #running = new Map<string, Process>();

  constructor(
    private readonly processes: Processes,
    private readonly tasks: Tasks,
    private readonly runners: Record<ProgramPlan["kind"], Runner>,
    private readonly post: (message: Record<string, unknown>) => void,
  ) {}

  start(program: ProgramPlan): void {
    const ended = (status: number, reason?: string) => {
      this.#running.delete(program.name);
      this.post({ kind: "program-ended", program: program.name, status, reason });
    };
    this.tasks.spawn(this.#begin(program), (process, failure) => {
      if (failure === undefined) {
        this.processes.whenEnded(process!, (status) => ended(exitStatus(status)));
        return;
      }
      if (!(failure instanceof Errno)) throw failure;
      ended(CANNOT_START, `cannot start ${program.path ?? program.module}: ${failure}`);
    });
  }

  *#begin(program: ProgramPlan): Coroutine<Process> {
    const { processes } = this;
    const argv = [program.path ?? program.module!, ...program.args];
    const process = yield* processes.start(program.name, argv, program.uid, program.gid);
    for (const port of [program.console, program.console, program.console + 1]) {
      yield* finish(openCalls.openat(process, AT.FDCWD, `/dev/hvc${port}`, O.RDWR, 0));
    }
    const cwd = yield* resolve(
      process,
      process.root,
      program.cwd,
      WalkFlag.FOLLOW | WalkFlag.DIRECTORY,
    );
    yield* request(process.cwd.mount.service, Call.CLOSE, [process.cwd.handle]);
    process.cwd = { mount: cwd.mount, handle: cwd.handle };
    yield* this.runners[program.kind](process, program);
    this.#running.set(program.name, process);
    this.post({ kind: "program-started", program: program.name });
    return process;
  }

  /** Sends a signal to a program's process group; to all programs without a name. */
  signal(signal: number, name?: string): void {
    for (const [program, process] of [...this.#running]) {
      if (name !== undefined && program !== name) continue;
      for (const each of [...this.processes.all]) {
        if (each.session === process.pid) each.post({ signal, code: 0, pid: 0, uid: 0 });
      }
    }
  }
}
