// What the processes of a machine have of each other and of its kernel.
import type { Environment } from "../environment.ts";
import type { AioTable } from "./aio/aio_table.ts";
import type { Cores } from "./core/cores.ts";
import type { Clocks } from "./time/clock.ts";
import type { FutexTable } from "./futex.ts";
import type { IpcTable } from "./ipc/ipc_table.ts";
import type { MessageQueue } from "./ipc/message_queues.ts";
import type { SemaphoreSet } from "./ipc/semaphores.ts";
import type { Segment } from "./ipc/shared_memory.ts";
import type { LocalFiles } from "./path/local_files.ts";
import type { UserMemory } from "./memory/user_memory.ts";
import type { MountTable } from "./path/mounts.ts";
import type { Process } from "./process.ts";
import type { InternetSockets } from "./socket/internet_sockets.ts";
import type { UnixNames } from "./socket/unix_names.ts";
import type { Disk } from "./sysfs/block_devices.ts";
import type { Thread } from "./thread.ts";
import type { Tty } from "./tty/tty.ts";

/** What all processes of a machine share. */
export interface ProcessKernel {
  readonly environment: Environment;
  readonly clocks: Clocks;
  /** what uname(2) calls the machine, and its domain */
  readonly names: { host: string; domain: string };
  readonly mounts: MountTable;
  /** where ELF programs live; undefined on a machine that has none */
  readonly memory: UserMemory | undefined;
  readonly futexes: FutexTable;
  /** writes core files */
  readonly cores: Cores;
  /** contexts of asynchronous operations */
  readonly aio: AioTable;
  /** names of UNIX sockets */
  readonly unixNames: UnixNames;
  /** the network slice; undefined on a machine that has none */
  readonly internet: InternetSockets | undefined;
  readonly local: LocalFiles;
  /** the machine's disks, in the order of their names */
  readonly disks: readonly Disk[];
  /** System V IPC objects */
  readonly ipc: {
    readonly segments: IpcTable<Segment>;
    readonly semaphores: IpcTable<SemaphoreSet>;
    readonly queues: IpcTable<MessageQueue>;
  };
  /** controlling terminals, by session */
  readonly terminals: Map<number, Tty>;
  /** takes over the children of those who end */
  readonly init: Process;
  process(pid: number): Process | undefined;
  thread(tid: number): Thread | undefined;
  readonly all: Iterable<Process>;
  /** number that was given out last, to a process or a thread */
  readonly lastPid: number;
  /** the process is gone: its number may be used again */
  reaped(process: Process): void;
  /** all threads of the process have ended, and what it held is released */
  buried(process: Process): void;
}
