// Standard streams of a program that is run without a terminal: pipes like any other (pipe(7)), so that programs
// can ask what they are and open them anew. What is at their other end comes and goes as messages.
import { type Coroutine, WaitQueue } from "../../kernel/coroutine.ts";
import { Errno } from "../../kernel/errno.ts";
import { makePipe, type PipeEnd } from "../../kernel/process/pipe/pipe.ts";
import { MAX_UNTAKEN_BYTES, PIECE_BYTES } from "./session_streams.ts";

/** Standard input: what is given goes into the pipe as there is room for it. */
export class PipeInput {
  /** the program's end */
  readonly end: PipeEnd;
  readonly #writer: PipeEnd;
  readonly #given = new WaitQueue();
  readonly #parts: Uint8Array[] = [];
  #over = false;

  /** @param taken told how much has gone into the pipe, so that more can be sent */
  constructor(private readonly taken: (bytes: number) => void) {
    [this.end, this.#writer] = makePipe(0);
  }

  give(bytes: Uint8Array): void {
    if (this.#over || bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#given.wakeAll();
  }

  /** Nothing comes any more. */
  finish(): void {
    this.#over = true;
    this.#given.wakeAll();
  }

  /** Fills the pipe until its end, or until nobody reads from it. */
  *fill(): Coroutine<void> {
    try {
      for (;;) {
        const part = this.#parts.shift();
        if (part !== undefined) {
          yield* this.#writer.pipe.write(part, false);
          this.taken(part.length);
        } else if (this.#over) break;
        else yield this.#given;
      }
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      this.#over = true;
    } finally {
      this.#writer.release();
    }
  }
}

/** Standard output or error: what comes out of the pipe is sent, as long as it is taken. */
export class PipeOutput {
  /** the program's end */
  readonly end: PipeEnd;
  readonly #reader: PipeEnd;
  #untakenBytes = 0;
  #closed = false;

  constructor(private readonly send: (bytes: Uint8Array) => void) {
    [this.#reader, this.end] = makePipe(0);
  }

  /** That much of what was sent has been taken. */
  taken(bytes: number): void {
    this.#untakenBytes = Math.max(0, this.#untakenBytes - bytes);
    this.#reader.readiness.wakeAll();
  }

  /** Sends what comes until nobody writes any more, or it is closed. */
  *drain(): Coroutine<void> {
    const { pipe } = this.#reader;
    while (!this.#closed) {
      const room = MAX_UNTAKEN_BYTES - this.#untakenBytes;
      if (pipe.available > 0 && room > 0) this.#sendSome(room);
      else if (pipe.available === 0 && pipe.writers === 0) this.close();
      else yield this.#reader.readiness;
    }
  }

  #sendSome(mostBytes: number): void {
    const { pipe } = this.#reader;
    const part = new Uint8Array(Math.min(pipe.available, mostBytes, PIECE_BYTES));
    pipe.consume(pipe.peek(part));
    this.#untakenBytes += part.length;
    this.send(part);
  }

  /** Sends what is there; nobody takes anything any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#reader.pipe.available > 0) this.#sendSome(Infinity);
    this.#reader.release();
  }
}
