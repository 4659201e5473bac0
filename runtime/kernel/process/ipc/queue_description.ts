// An open POSIX message queue: a descriptor like others, that can be waited for.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { FileDescription } from "../file/description.ts";
import type { Process } from "../process.ts";
import type { PosixQueue } from "./posix_queue.ts";

export class QueueDescription extends FileDescription {
  override readonly readiness;

  /** @param opener is not told of messages any more once it has closed this */
  constructor(
    private readonly opener: Process,
    readonly queue: PosixQueue,
    file: FileDescription,
  ) {
    super(...file.parts);
    this.readiness = queue.readiness;
  }

  get receives(): boolean {
    return (this.flags & O.ACCMODE) !== O.WRONLY;
  }

  get sends(): boolean {
    return (this.flags & O.ACCMODE) !== O.RDONLY;
  }

  get mayWait(): boolean {
    return (this.flags & O.NONBLOCK) === 0;
  }

  override write(): number {
    return fail(E.EINVAL);
  }

  override poll(events: number): number {
    return this.queue.poll(events);
  }

  override *release(): Coroutine<void> {
    this.queue.dropNotification(this.opener);
    yield* super.release();
  }
}
