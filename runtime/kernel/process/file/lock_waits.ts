// Waiting for locks of files (fcntl_locking(2), flock(2)). Servers know who holds what and never wait; whoever
// has to wait does so here, where signals reach him, and asks again when somebody has given up a lock on the file.
import { type Blocking, type Coroutine, finish, WaitQueue } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";

/** The status of a call, however its server tells of failures. */
export function* statusOf(call: () => Blocking<number>): Coroutine<number> {
  try {
    return yield* finish(call());
  } catch (failure) {
    if (failure instanceof Errno) return -failure.errno;
    throw failure;
  }
}

/** Those who ask for locks on one file, and may have to wait. */
class Waiters {
  asking = 0;
  /** how often a lock was given up since somebody asks */
  releases = 0;
  readonly released = new WaitQueue(true);
  /** owners that sleep */
  readonly asleep = new Set<number>();
}

export class LockWaits {
  /** by the identity of the file */
  readonly #files = new Map<string, Waiters>();
  /** owner -> owner it waits for; of locks that belong to processes */
  readonly #waitsFor = new Map<number, number>();

  /** A lock on a file was given up, or is shared now. */
  released(file: string): void {
    const waiters = this.#files.get(file);
    if (waiters === undefined) return;
    waiters.releases++;
    for (const owner of waiters.asleep) this.#waitsFor.delete(owner);
    waiters.released.wakeAll();
  }

  /**
   * Asks for a lock until there is another answer than EAGAIN.
   * @param ask asks the server of the file. @returns its status
   * @param holder tells whose lock is in the way, where deadlocks are to be found; undefined for nobody's
   * @returns the status of the last time
   * @throws Errno EINTR, and EDEADLK where waiting would never end
   */
  *take(
    file: string,
    owner: number,
    ask: () => Blocking<number>,
    holder?: () => Coroutine<number | undefined>,
  ): Coroutine<number> {
    let waiters = this.#files.get(file);
    if (waiters === undefined) this.#files.set(file, waiters = new Waiters());
    waiters.asking++;
    try {
      for (;;) {
        const { releases } = waiters;
        const status = yield* statusOf(ask);
        if (status !== -E.EAGAIN) return status;
        const blocker = holder && (yield* holder());
        // Servers may be slower than those who give locks up.
        if (waiters.releases !== releases || holder !== undefined && blocker === undefined) {
          continue;
        }
        if (blocker !== undefined) this.#wait(owner, blocker);
        waiters.asleep.add(owner);
        try {
          yield waiters.released;
        } finally {
          waiters.asleep.delete(owner);
          this.#waitsFor.delete(owner);
        }
      }
    } finally {
      if (--waiters.asking === 0) this.#files.delete(file);
    }
  }

  #wait(owner: number, blocker: number): void {
    for (
      let each: number | undefined = blocker;
      each !== undefined;
      each = this.#waitsFor.get(each)
    ) {
      if (each === owner) fail(E.EDEADLK);
    }
    this.#waitsFor.set(owner, blocker);
  }
}
