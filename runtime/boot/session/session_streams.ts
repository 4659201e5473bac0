// What comes and goes at the terminal of a program that is run on a machine by somebody who is not of it: messages. A reader waits for more, a writer until what it wrote before has been taken (pipe(7)).
import { type Coroutine, WaitQueue } from "../../kernel/coroutine.ts";
import { E, fail } from "../../kernel/errno.ts";
import { type Description, FileDescription } from "../../kernel/process/file/description.ts";
import { O, POLL } from "../../kernel/vfs/constants.ts";

/** What a program may have written that nobody has taken yet: beyond it, it waits. */
export const MAX_UNTAKEN_BYTES = 256 << 10;
/** Most in one message. */
export const PIECE_BYTES = 64 << 10;

/** Standard input: what it is given, until its end. */
export class SessionInput implements Description {
  flags: number = O.RDONLY;
  uses = 1;
  readonly readiness = new WaitQueue(true);
  readonly #parts: Uint8Array[] = [];
  #over = false;

  /** @param taken told what a program has read, so that more can be sent */
  constructor(private readonly taken: (bytes: number) => void) {}

  give(bytes: Uint8Array): void {
    if (this.#over || bytes.length === 0) return;
    this.#parts.push(bytes);
    this.readiness.wakeAll();
  }

  finish(): void {
    this.#over = true;
    this.readiness.wakeAll();
  }

  *read(into: Uint8Array): Coroutine<number> {
    if (into.length === 0) return 0;
    while (this.#parts.length === 0) {
      if (this.#over) return 0;
      if ((this.flags & O.NONBLOCK) !== 0) fail(E.EAGAIN);
      yield this.readiness;
    }
    const [first] = this.#parts, count = Math.min(into.length, first.length);
    into.set(first.subarray(0, count));
    if (count === first.length) this.#parts.shift();
    else this.#parts[0] = first.subarray(count);
    this.taken(count);
    return count;
  }

  write(): number {
    return fail(E.EBADF);
  }

  poll(events: number): number {
    const readable = this.#parts.length > 0 ? events & POLL.IN : 0;
    return readable | (this.#over ? POLL.HUP : 0);
  }

  release(): void {}
}

/** Standard output or error: sends what is written, as long as it is taken. */
export class SessionOutput implements Description {
  flags: number = O.WRONLY;
  uses = 1;
  readonly readiness = new WaitQueue(true);
  #untakenBytes = 0;
  #closed = false;

  constructor(private readonly send: (bytes: Uint8Array) => void) {}

  /** That much of what was sent has been taken. */
  taken(bytes: number): void {
    this.#untakenBytes = Math.max(0, this.#untakenBytes - bytes);
    this.readiness.wakeAll();
  }

  /** Nobody takes anything any more. */
  close(): void {
    this.#closed = true;
    this.readiness.wakeAll();
  }

  read(): number {
    return fail(E.EBADF);
  }

  *write(from: Uint8Array): Coroutine<number> {
    for (let done = 0; done < from.length;) {
      if (this.#closed) fail(E.EPIPE);
      const room = MAX_UNTAKEN_BYTES - this.#untakenBytes;
      if (room > 0) {
        const part = from.slice(done, done + Math.min(room, PIECE_BYTES));
        this.#untakenBytes += part.length;
        this.send(part);
        done += part.length;
      } else if ((this.flags & O.NONBLOCK) === 0) yield this.readiness;
      else if (done === 0) fail(E.EAGAIN);
      else return done;
    }
    return from.length;
  }

  poll(events: number): number {
    if (this.#closed) return events & POLL.OUT | POLL.ERR;
    return this.#untakenBytes < MAX_UNTAKEN_BYTES ? events & POLL.OUT : 0;
  }

  release(): void {}
}

/** Both as the line of a terminal: its other end is the terminal of whoever runs the program. */
export class TerminalLine extends FileDescription {
  /** @param place a character device, for what stat(2) says of the terminal */
  constructor(
    place: FileDescription,
    private readonly input: SessionInput,
    private readonly output: SessionOutput,
  ) {
    super(...place.parts);
  }

  override read(into: Uint8Array): Coroutine<number> {
    return this.input.read(into);
  }
  override write(from: Uint8Array): Coroutine<number> {
    return this.output.write(from);
  }
}
