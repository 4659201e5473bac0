// Processes without files or programs, in one thread and with a clock that a test moves: for calls that
// concern the process itself.
import { callNumber } from "../schemas/syscalls.ts";
import { type Blocking, isCoroutine, type Task, Tasks } from "../runtime/kernel/coroutine.ts";
import { createDomainMemory } from "../runtime/kernel/domain_memory.ts";
import type { Environment } from "../runtime/kernel/environment.ts";
import { Errno, errnoName } from "../runtime/kernel/errno.ts";
import {
  handlers,
  Processes,
  threadHandlers,
} from "../runtime/kernel/process/process_component.ts";
import { DescriptorTable } from "../runtime/kernel/process/file/descriptor_table.ts";
import { type Identity, Process } from "../runtime/kernel/process/process.ts";
import type { Thread } from "../runtime/kernel/process/thread.ts";
import { DOMAIN_BASE, seededRandom } from "./small_machine.ts";

/** 2023-11-14 22:13:20.123456789, when the machine starts. */
export const BOOT_NS = 1_700_000_000_123_456_789n;

/** A call that waits: its result once it has one, and the task that a signal interrupts. */
export interface Waiting {
  result: number | string | undefined;
  task: Task | undefined;
}

export function smallKernel() {
  let nowNs = 0;
  const next = seededRandom(1);
  const tasks = new Tasks(() => nowNs);
  const environment: Environment = {
    nowNs: () => nowNs,
    realtimeNs: () => BOOT_NS + BigInt(Math.floor(nowNs)),
    random: (into) => into.forEach((_, index) => into[index] = next()),
    tasks,
    memory: createDomainMemory(new SharedArrayBuffer(4096), DOMAIN_BASE),
    log: () => {},
  };
  const processes = new Processes(environment);
  const nowhere = () => ({ root: undefined!, cwd: undefined!, umask: 0o022, users: 2 });

  /** A process with one thread; a child of init unless a parent is given. */
  const start = (uid = 0, parent: Process = processes.init): Process => {
    const process = processes.fork(parent, new DescriptorTable(), nowhere(), false);
    const identity: Identity = {
      ruid: uid,
      euid: uid,
      suid: uid,
      rgid: uid,
      egid: uid,
      sgid: uid,
      groups: [],
    };
    process.setIdentity(identity);
    processes.startThread(process);
    return process;
  };
  const threadOf = (process: Process): Thread => [...process.threads][0];

  const begin = (of: Process | Thread, name: string, ...args: unknown[]): Waiting => {
    const thread = of instanceof Process ? threadOf(of) : of;
    const number = callNumber(name);
    const handler = handlers.get(number), ofThread = threadHandlers.get(number);
    const waiting: Waiting = { result: undefined, task: undefined };
    const settle = (value: number | undefined, failure: unknown) => {
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
      const status = failure instanceof Errno ? -failure.errno : value!;
      waiting.result = status < 0 ? errnoName(-status) : status;
    };
    try {
      const result: Blocking<number> = handler !== undefined
        ? handler(thread.process, ...args)
        : ofThread!(thread, ...args);
      if (isCoroutine(result)) waiting.task = tasks.spawn(result, settle);
      else settle(result, undefined);
    } catch (failure) {
      settle(undefined, failure);
    }
    return waiting;
  };
  return {
    processes,
    environment,
    start,
    threadOf,
    begin,
    /** A call's status, or the name of its error; undefined where it waits. */
    call: (of: Process | Thread, name: string, ...args: unknown[]) =>
      begin(of, name, ...args).result,
    /** Moves the clock, stopping wherever a timer is due. */
    advance(ns: number): void {
      const end = nowNs + ns;
      for (;;) {
        while (tasks.run() > 0);
        const due = tasks.nextDeadlineNs;
        if (due > end) break;
        nowNs = Math.max(nowNs, due);
      }
      nowNs = end;
      while (tasks.run() > 0);
    },
  };
}

/** 64-bit numbers as a structure. */
export function longs(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  values.forEach((value, index) =>
    new DataView(bytes.buffer).setBigInt64(index * 8, BigInt(value), true)
  );
  return bytes;
}

/** The 64-bit numbers of a structure. */
export function longsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from(
    { length: bytes.length / 8 },
    (_, index) => Number(view.getBigInt64(index * 8, true)),
  );
}

/** The 32-bit numbers of a structure. */
export function intsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getInt32(index * 4, true));
}
