// A descriptor of a process (pidfd_open(2)): it stands for the same process for ever, and tells when that ends.
import type { WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O, POLL } from "../../vfs/constants.ts";
import type { Description } from "../file/description.ts";
import type { Process } from "../process.ts";

export class PidDescription implements Description {
  uses = 1;
  readonly kind = "anon_inode:[pidfd]";

  /** @param flags O.NONBLOCK: waitid(2) does not wait for it */
  constructor(readonly target: Process, public flags: number) {}

  get readiness(): WaitQueue {
    return this.target.endEvents;
  }

  read(): number {
    return fail(E.EINVAL);
  }

  write(): number {
    return fail(E.EINVAL);
  }

  poll(events: number): number {
    const { ended, reaped } = this.target;
    return (ended === undefined ? 0 : events & POLL.IN) | (reaped ? POLL.HUP : 0);
  }

  release(): void {}
}

/** A new descriptor of a process; it is always closed by execve(2). @throws Errno EMFILE */
export function openPidfd(process: Process, target: Process, nonblocking: number): number {
  return process.addDescription(new PidDescription(target, O.RDWR | nonblocking), true);
}

/** The process that a descriptor stands for. @throws Errno EBADF where it is no pidfd */
export function pidfdOf(process: Process, fd: number): PidDescription {
  const description = process.description(fd);
  return description instanceof PidDescription ? description : fail(E.EBADF);
}
