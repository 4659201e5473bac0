// Advisory locks of one server: byte ranges by owner (fcntl_locking(2)) and whole files (flock(2)). Who has to
// wait for one is the client's business: nothing here waits.
import { E, fail } from "../errno.ts";
import { F } from "./constants.ts";

export interface RangeLock {
  owner: number;
  exclusive: boolean;
  start: number;
  /** first byte beyond; infinity for "to the end" */
  end: number;
}

/** The locks of one inode. */
class FileLocks {
  ranges: RangeLock[] = [];

  conflict(wanted: RangeLock): RangeLock | undefined {
    return this.ranges.find((held) =>
      held.owner !== wanted.owner && held.start < wanted.end && wanted.start < held.end &&
      (held.exclusive || wanted.exclusive)
    );
  }

  /** Replaces what the owner holds in a range; with what it holds beside that in the same way, it is one lock. */
  set(owner: number, start: number, end: number, exclusive: boolean | undefined): void {
    const rest: RangeLock[] = [];
    for (const held of this.ranges) {
      const touches = held.end >= start && held.start <= end;
      if (held.owner === owner && held.exclusive === exclusive && touches) {
        start = Math.min(start, held.start);
        end = Math.max(end, held.end);
      } else if (held.owner !== owner || held.end <= start || held.start >= end) rest.push(held);
      else {
        if (held.start < start) rest.push({ ...held, end: start });
        if (held.end > end) rest.push({ ...held, start: end });
      }
    }
    if (exclusive !== undefined) rest.push({ owner, exclusive, start, end });
    this.ranges = rest;
  }
}

export class LockTable {
  readonly #files = new Map<object, FileLocks>();

  /** F_GETLK: the lock in the way, if any. */
  test(file: object, wanted: RangeLock): RangeLock | undefined {
    return this.#files.get(file)?.conflict(wanted);
  }

  /**
   * Sets or takes away (`type` F_UNLCK) a lock.
   * @throws Errno EAGAIN where another one is in the way
   */
  set(file: object, type: number, wanted: RangeLock): void {
    let locks = this.#files.get(file);
    if (type === F.UNLCK) {
      locks?.set(wanted.owner, wanted.start, wanted.end, undefined);
      if (locks?.ranges.length === 0) this.#files.delete(file);
      return;
    }
    if (locks?.conflict(wanted) !== undefined) fail(E.EAGAIN);
    if (locks === undefined) this.#files.set(file, locks = new FileLocks());
    locks.set(wanted.owner, wanted.start, wanted.end, wanted.exclusive);
  }
}
