// Pipes (pipe(7)): bytes between whoever writes and whoever reads, in the order in which they were written.
// What a pipe(2) pair and a FIFO have in common; splice(2) and tee(2) look into it.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O, POLL } from "../../vfs/constants.ts";
import type { Description } from "../file/description.ts";

const PAGE_BYTES = 4096;
const DEFAULT_BYTES = 65536;
/** What F_SETPIPE_SZ allows everybody, as /proc/sys/fs/pipe-max-size has it. */
export const MOST_PIPE_BYTES = 1 << 20;
/** Writes up to this size are not interleaved with others (PIPE_BUF). */
const ATOMIC_BYTES = 4096;

export class Pipe {
  readers = 0;
  writers = 0;
  /** how often an end was opened: who waits for the other side sees one that has already gone again */
  readersEver = 0;
  writersEver = 0;
  /** called when neither end is open any more */
  onGone: () => void = () => {};
  #ring = new Uint8Array(DEFAULT_BYTES);
  #start = 0;
  #length = 0;

  /** @param readiness woken whenever something was written, read, opened or closed */
  constructor(readonly readiness = new WaitQueue(true)) {}

  get available(): number {
    return this.#length;
  }

  get room(): number {
    return this.#ring.length - this.#length;
  }

  get capacity(): number {
    return this.#ring.length;
  }

  addReader(): void {
    this.readers++;
    this.readersEver++;
    this.readiness.wakeAll();
  }

  addWriter(): void {
    this.writers++;
    this.writersEver++;
    this.readiness.wakeAll();
  }

  removeReader(): void {
    this.readers--;
    this.#left();
  }

  removeWriter(): void {
    this.writers--;
    this.#left();
  }

  #left(): void {
    this.readiness.wakeAll();
    if (this.readers === 0 && this.writers === 0) this.onGone();
  }

  /** Gives it room for at least so many bytes. @returns the size @throws Errno EINVAL, EBUSY */
  resize(bytes: number): number {
    if (!(bytes > 0 && bytes <= 2 ** 31)) fail(E.EINVAL);
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const size = PAGE_BYTES * 2 ** Math.ceil(Math.log2(pages));
    if (size > MOST_PIPE_BYTES) fail(E.EPERM);
    if (size < this.#length) fail(E.EBUSY);
    const ring = new Uint8Array(size);
    this.peek(ring.subarray(0, this.#length));
    this.#ring = ring;
    this.#start = 0;
    this.readiness.wakeAll();
    return size;
  }

  /** Copies what comes next, and leaves it there. @returns how much */
  peek(into: Uint8Array, skip = 0): number {
    const count = Math.max(0, Math.min(into.length, this.#length - skip));
    for (let done = 0; done < count;) {
      const at = (this.#start + skip + done) % this.#ring.length;
      const part = Math.min(count - done, this.#ring.length - at);
      into.set(this.#ring.subarray(at, at + part), done);
      done += part;
    }
    return count;
  }

  /** Takes away what was looked at. */
  consume(count: number): void {
    this.#start = (this.#start + count) % this.#ring.length;
    this.#length -= count;
    this.readiness.wakeAll();
  }

  /** Puts in as much as there is room for. @returns how much */
  put(from: Uint8Array): number {
    const count = Math.min(from.length, this.room);
    for (let done = 0; done < count;) {
      const at = (this.#start + this.#length) % this.#ring.length;
      const part = Math.min(count - done, this.#ring.length - at);
      this.#ring.set(from.subarray(done, done + part), at);
      this.#length += part;
      done += part;
    }
    if (count > 0) this.readiness.wakeAll();
    return count;
  }

  /** Waits for something to read. @returns false at the end: nobody writes any more */
  *readable(nonblocking: boolean): Coroutine<boolean> {
    while (this.#length === 0) {
      if (this.writers === 0) return false;
      if (nonblocking) fail(E.EAGAIN);
      yield this.readiness;
    }
    return true;
  }

  /** Waits for room. @throws Errno EPIPE where nobody reads, EAGAIN */
  *writable(bytes: number, nonblocking: boolean): Coroutine<void> {
    for (;;) {
      if (this.readers === 0) fail(E.EPIPE);
      if (this.room >= bytes) return;
      if (nonblocking) fail(E.EAGAIN);
      yield this.readiness;
    }
  }

  *read(into: Uint8Array, nonblocking: boolean): Coroutine<number> {
    if (into.length === 0 || !(yield* this.readable(nonblocking))) return 0;
    const count = this.peek(into);
    this.consume(count);
    return count;
  }

  /** Writes everything, a small piece as one; without waiting, as much as fits. */
  *write(from: Uint8Array, nonblocking: boolean): Coroutine<number> {
    const needed = from.length <= ATOMIC_BYTES ? from.length : 1;
    for (let done = 0; done < from.length;) {
      try {
        yield* this.writable(needed, nonblocking);
      } catch (failure) {
        if (done > 0) return done;
        throw failure;
      }
      done += this.put(from.subarray(done));
    }
    return from.length;
  }

  /** @param seen writers that had been there when the reading end was opened: who never came cannot leave */
  pollRead(events: number, seen = 0): number {
    return (this.#length > 0 ? events & POLL.IN : 0) |
      (this.writers === 0 && this.writersEver > seen ? POLL.HUP : 0);
  }

  pollWrite(events: number): number {
    return (this.room >= ATOMIC_BYTES ? events & POLL.OUT : 0) |
      (this.readers === 0 ? POLL.ERR : 0);
  }
}

/** What leads into a pipe, or out of it: also a FIFO that is open. */
export interface PipeEnd extends Description {
  readonly pipe: Pipe;
  readonly reads: boolean;
  readonly writes: boolean;
}

/** The end of a pipe that a description is. */
export function pipeEnd(description: Description): PipeEnd | undefined {
  return "pipe" in description ? description as PipeEnd : undefined;
}

/** An end of a pipe without a name. */
class UnnamedEnd implements PipeEnd {
  uses = 1;
  readonly readiness: WaitQueue;

  constructor(readonly pipe: Pipe, readonly reads: boolean, public flags: number) {
    this.readiness = pipe.readiness;
    if (reads) pipe.addReader();
    else pipe.addWriter();
  }

  get writes(): boolean {
    return !this.reads;
  }

  get #nonblocking(): boolean {
    return (this.flags & O.NONBLOCK) !== 0;
  }

  read(into: Uint8Array): Coroutine<number> {
    return this.reads ? this.pipe.read(into, this.#nonblocking) : fail(E.EBADF);
  }

  write(from: Uint8Array): Coroutine<number> {
    return this.reads ? fail(E.EBADF) : this.pipe.write(from, this.#nonblocking);
  }

  available(): number {
    return this.pipe.available;
  }

  poll(events: number): number {
    return this.reads ? this.pipe.pollRead(events) : this.pipe.pollWrite(events);
  }

  release(): void {
    if (this.reads) this.pipe.removeReader();
    else this.pipe.removeWriter();
  }
}

/** The two ends of a pipe. @returns the reading and the writing end */
export function makePipe(flags: number): [PipeEnd, PipeEnd] {
  const pipe = new Pipe();
  return [
    new UnnamedEnd(pipe, true, O.RDONLY | flags),
    new UnnamedEnd(pipe, false, O.WRONLY | flags),
  ];
}
