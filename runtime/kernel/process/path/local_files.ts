// What the primary keeps about files, whatever server they are on: pipes behind names, files without a place,
// pseudo-terminals, message queues, and who wants to know what happens to them.
import type { Environment } from "../../environment.ts";
import { AnonymousFiles } from "./anonymous_files.ts";
import { type Description, FileDescription } from "../file/description.ts";
import { FifoTable } from "../pipe/fifo.ts";
import { QueueFiles } from "../ipc/queue_files.ts";
import { LockWaits } from "../file/lock_waits.ts";
import { MemoryMounts } from "./memory_mounts.ts";
import type { Process } from "../process.ts";
import { PtyTable } from "../tty/pty.ts";
import { WatchTable } from "../event/watches.ts";

/** Whether a description is one of a file. */
function isOf(description: Description, identity: string): boolean {
  return description instanceof FileDescription && description.identity === identity;
}

export class LocalFiles {
  readonly fifos = new FifoTable();
  readonly watches: WatchTable;
  readonly locks = new LockWaits();
  readonly anonymous: AnonymousFiles;
  readonly ptys: PtyTable;
  readonly memoryMounts: MemoryMounts;
  readonly queues: QueueFiles;

  /** @param processes of the machine @param memoryBytes of the machine, for programs */
  constructor(
    environment: Environment,
    processes: () => Iterable<Process>,
    memoryBytes: () => number,
  ) {
    this.watches = new WatchTable(environment.tasks, (identity) => {
      for (const { files } of processes()) {
        if (files.numbers.some((fd) => isOf(files.get(fd), identity))) return true;
      }
      return false;
    });
    this.ptys = new PtyTable(environment);
    this.queues = new QueueFiles(environment);
    this.anonymous = new AnonymousFiles(environment, this.fifos);
    this.memoryMounts = new MemoryMounts(environment, () => Math.floor(memoryBytes() / 2));
  }
}
