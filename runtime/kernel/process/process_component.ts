// The component `process`: the processes of the machine, the mount table, and the handlers of all
// system calls, by number.
import { callNumber, systemCalls } from "../../../schemas/syscalls.ts";
import type { Component } from "../component.ts";
import type { Coroutine } from "../coroutine.ts";
import type { Environment } from "../environment.ts";
import type { ProcessView } from "../vfs/procfs.ts";
import type { Handler } from "./handler.ts";
import { MountTable } from "./mounts.ts";
import { Process, type ProcessKernel } from "./process.ts";
import { fileCalls } from "./sys_file.ts";
import { openCalls } from "./sys_open.ts";
import { pathCalls } from "./sys_path.ts";
import { processCalls } from "./sys_process.ts";

/** Handlers by number. exit and exit_group are the hart's: a thread that ends is never resumed. */
export const handlers: ReadonlyMap<number, Handler> = new Map(
  Object.entries({ ...openCalls, ...fileCalls, ...pathCalls, ...processCalls }).map((
    [name, handler],
  ) => [callNumber(name), handler]),
);

/** Names of calls that the table lists as served and that have a handler here or on the hart. */
export const handledNames: ReadonlySet<string> = new Set(
  systemCalls.filter((call) => handlers.has(call.number)).map((call) => call.name).concat(
    "exit",
    "exit_group",
  ),
);

export class Processes implements ProcessKernel {
  readonly mounts = new MountTable();
  readonly #processes = new Map<number, Process>();
  #nextPid = 1;

  constructor(readonly environment: Environment) {}

  *start(name: string, argv: string[], uid: number, gid: number): Coroutine<Process> {
    const root = yield* Process.hold(this.mounts.root);
    const cwd = yield* Process.hold(this.mounts.root);
    const pid = this.#nextPid++;
    const process = new Process(
      this,
      pid,
      pid === 1 ? 0 : 1,
      name,
      argv,
      { uid, gid, groups: [] },
      root,
      cwd,
    );
    this.#processes.set(pid, process);
    return process;
  }

  *end(process: Process, status: number): Coroutine<void> {
    yield* process.end(status);
    this.#processes.delete(process.pid);
  }

  /** What /proc shows. */
  get view(): ProcessView {
    return { mounts: () => this.mounts.text(), processes: () => this.#list() };
  }

  #list() {
    return [...this.#processes.values()].map(({ pid, ppid, name, credential, threads, argv }) => ({
      pid,
      ppid,
      name,
      uid: credential.uid,
      gid: credential.gid,
      threads,
      argv,
    }));
  }
}

export function createProcess(environment: Environment): Component {
  return { provides: { syscalls: new Processes(environment) } };
}
