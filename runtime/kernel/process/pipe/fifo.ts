// Named pipes (fifo(7)): the inode is at its file server, the pipe here, for as long as somebody has it open.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { FileDescription } from "../file/description.ts";
import { Pipe, type PipeEnd } from "./pipe.ts";

/** The pipes of FIFOs that are open, by inode. */
export class FifoTable {
  readonly #pipes = new Map<string, Pipe>();

  /** @param identity of the inode */
  pipe(identity: string): Pipe {
    let pipe = this.#pipes.get(identity);
    if (pipe === undefined) this.#pipes.set(identity, pipe = new Pipe());
    return pipe;
  }

  /** A pipe without a name has got an inode of its own. */
  adopt(identity: string, pipe: Pipe): void {
    this.#pipes.set(identity, pipe);
  }

  /** An end was closed: with the last one, what nobody read is gone. */
  closed(identity: string): void {
    const pipe = this.#pipes.get(identity);
    if (pipe?.readers === 0 && pipe.writers === 0) this.#pipes.delete(identity);
  }
}

export class FifoDescription extends FileDescription implements PipeEnd {
  readonly pipe: Pipe;
  override readonly readiness;
  /** writers that had been there when it was opened */
  readonly #seen: number;

  constructor(private readonly fifos: FifoTable, file: FileDescription) {
    super(...file.parts);
    this.pipe = fifos.pipe(this.identity);
    this.readiness = this.pipe.readiness;
    this.#seen = this.pipe.writersEver - this.pipe.writers;
    if (this.reads) this.pipe.addReader();
    if (this.writes) this.pipe.addWriter();
  }

  get reads(): boolean {
    return (this.flags & O.ACCMODE) !== O.WRONLY;
  }

  get writes(): boolean {
    return (this.flags & O.ACCMODE) !== O.RDONLY;
  }

  get #nonblocking(): boolean {
    return (this.flags & O.NONBLOCK) !== 0;
  }

  /**
   * Waits until the other end is open as well.
   * @throws Errno ENXIO for a writer that may not wait and that nobody reads from
   */
  *opened(): Coroutine<void> {
    const { pipe } = this;
    if (this.reads && this.writes) return;
    if (this.#nonblocking) {
      if (this.writes && pipe.readers === 0) fail(E.ENXIO);
      return;
    }
    const others = this.reads ? pipe.writersEver : pipe.readersEver;
    const open = () =>
      this.reads
        ? pipe.writers > 0 || pipe.writersEver > others
        : pipe.readers > 0 || pipe.readersEver > others;
    while (!open()) yield this.readiness;
  }

  override read(into: Uint8Array): Coroutine<number> {
    return this.reads ? this.pipe.read(into, this.#nonblocking) : fail(E.EBADF);
  }

  override write(from: Uint8Array): Coroutine<number> {
    return this.writes ? this.pipe.write(from, this.#nonblocking) : fail(E.EBADF);
  }

  available(): number {
    return this.pipe.available;
  }

  override poll(events: number): number {
    return (this.reads ? this.pipe.pollRead(events, this.#seen) : 0) |
      (this.writes ? this.pipe.pollWrite(events) : 0);
  }

  /** It is not an end of the pipe any more. */
  leave(): void {
    if (this.reads) this.pipe.removeReader();
    if (this.writes) this.pipe.removeWriter();
    this.fifos.closed(this.identity);
  }

  override *release(): Coroutine<void> {
    this.leave();
    yield* super.release();
  }
}
