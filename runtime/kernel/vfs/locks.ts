// Advisory locks of one server: byte ranges by owner (fcntl_locking(2)) and whole files (flock(2)),
// with waiting and detection of deadlocks among waiters.
import { type Coroutine, WaitQueue } from "../coroutine.ts";
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
  readonly released = new WaitQueue();
  /** owners that wait */
  waiters = 0;

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
    this.released.wakeAll();
  }
}

export class LockTable {
  readonly #files = new Map<object, FileLocks>();
  /** owner -> owner it waits for */
  readonly #waitsFor = new Map<number, number>();

  /** F_GETLK: the lock in the way, if any. */
  test(file: object, wanted: RangeLock): RangeLock | undefined {
    return this.#files.get(file)?.conflict(wanted);
  }

  /**
   * Sets or takes away (`type` F_UNLCK) a lock.
   * @throws Errno EAGAIN where it would have to wait and may not, EDEADLK where waiting would never end
   */
  *set(file: object, type: number, wanted: RangeLock, wait: boolean): Coroutine<void> {
    if (type === F.UNLCK) {
      this.#files.get(file)?.set(wanted.owner, wanted.start, wanted.end, undefined);
      this.#forgetEmpty(file);
      return;
    }
    let locks = this.#files.get(file);
    if (locks === undefined) this.#files.set(file, locks = new FileLocks());
    for (
      let blocker = locks.conflict(wanted);
      blocker !== undefined;
      blocker = locks.conflict(wanted)
    ) {
      if (!wait) fail(E.EAGAIN);
      for (
        let owner: number | undefined = blocker.owner;
        owner !== undefined;
        owner = this.#waitsFor.get(owner)
      ) {
        if (owner === wanted.owner) fail(E.EDEADLK);
      }
      this.#waitsFor.set(wanted.owner, blocker.owner);
      locks.waiters++;
      try {
        yield locks.released;
      } finally {
        locks.waiters--;
        this.#waitsFor.delete(wanted.owner);
      }
    }
    locks.set(wanted.owner, wanted.start, wanted.end, wanted.exclusive);
    this.#files.set(file, locks);
  }

  /** Takes away everything an owner holds on a file. */
  release(file: object, owner: number): void {
    this.#files.get(file)?.set(owner, 0, Infinity, undefined);
    this.#forgetEmpty(file);
  }

  #forgetEmpty(file: object): void {
    const locks = this.#files.get(file);
    if (locks !== undefined && locks.ranges.length === 0 && locks.waiters === 0) {
      this.#files.delete(file);
    }
  }
}
