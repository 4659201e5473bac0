// User threads and the queue of those that can run. A thread is whatever can be resumed with the
// result of the system call it waits for: a native program's promise now, guest registers as well.

/** One user thread as its hart sees it. */
export interface UserThread {
  readonly tid: number;
  /** Goes on with the result of its call: at least 0, or a negative error number. */
  resume(status: number): void;
}

/**
 * Threads whose calls have been answered, first come, first served. Completions of any ring, and
 * tasks of the primary kernel, put threads here; the hart that owns the queue takes them. A hart
 * drains its own completion queues into it, so it needs no lock and no memory shared with servers.
 */
export class ReadyQueue {
  #threads: UserThread[] = [];
  #statuses: number[] = [];

  push(thread: UserThread, status: number): void {
    this.#threads.push(thread);
    this.#statuses.push(status);
  }

  get empty(): boolean {
    return this.#threads.length === 0;
  }

  /** Resumes every thread that was ready when called. @returns how many */
  run(): number {
    const count = this.#threads.length;
    if (count === 0) return 0;
    const threads = this.#threads, statuses = this.#statuses;
    this.#threads = [];
    this.#statuses = [];
    for (let index = 0; index < count; index++) threads[index].resume(statuses[index]);
    return count;
  }
}
