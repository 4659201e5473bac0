// Programs that are run on a running machine, as whoever runs them sees it: the near end of sessions.ts.
// What neither side has taken yet is bounded in both directions.
import { limits } from "../../../schemas/limits.ts";
import type { TerminalSize } from "../../hardware/device/virtio.ts";
import { joined } from "../../kernel/pieces.ts";
import type { Execution, SessionMessage, SessionRequest, SessionStream } from "./sessions.ts";

export type { Execution, SessionStream };

/** How a further program ended. */
export interface ExecutionEnd {
  /** 0 to 255; 128 + signal where one ended it; 127 and 126 where it could not be started */
  status: number;
  /** the signal that ended it, by its name */
  signal?: string;
  /** why it could not be started */
  reason?: string;
}

/** A further program on a machine. */
export interface RunningProgram {
  /** Rejects where the machine ends first. */
  readonly ended: Promise<ExecutionEnd>;
  /** Gives it input; resolves when it may be given more. */
  input(bytes: Uint8Array): Promise<void>;
  /** Its standard input is at its end. */
  endInput(): void;
  /** Sends it, and what it started, a signal. @param number as in signal(7) */
  signal(number: number): void;
  /** Its terminal has another size. */
  resize(size: TerminalSize): void;
}

/** Takes what a program writes; what is not taken yet lets it wait. */
export type OutputTaker = (bytes: Uint8Array, stream: SessionStream) => void | Promise<void>;

/** Input that a program has not read: beyond it nothing more is asked for. */
const MAX_UNREAD_BYTES = 256 << 10;

const SIGHUP = 1;
/**
 * Most of a stream that is handed over at a time. The kernel is told of what was taken in pieces of this
 * size, too, not for every word that a program says: each time its event loop has to turn.
 */
const PIECE_BYTES = 64 << 10;

/** A stream of what a program writes: small pieces that wait for their taker become a larger one. */
class OutputStream {
  #waiting: Uint8Array[] = [];
  #taking: Promise<void> | undefined;
  #untoldBytes = 0;

  /** @param taken told how much was taken */
  constructor(
    private readonly take: (bytes: Uint8Array) => Promise<void>,
    private readonly taken: (bytes: number) => void,
  ) {}

  add(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#taking ??= this.#takeAll();
  }

  /** Resolves when everything was taken. */
  get drained(): Promise<void> {
    return this.#taking ?? Promise.resolve();
  }

  async #takeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const bytes = this.#next();
      // Whoever cannot take anything any more does not hold the program up.
      await this.take(bytes).catch(() => {});
      this.#untoldBytes += bytes.length;
      if (this.#untoldBytes < PIECE_BYTES) continue;
      this.taken(this.#untoldBytes);
      this.#untoldBytes = 0;
    }
    this.#taking = undefined;
  }

  #next(): Uint8Array {
    let count = 1, length = this.#waiting[0].length;
    while (count < this.#waiting.length && length + this.#waiting[count].length <= PIECE_BYTES) {
      length += this.#waiting[count++].length;
    }
    return joined(this.#waiting.splice(0, count));
  }
}

interface Running {
  outputs: Record<SessionStream, OutputStream>;
  ended: PromiseWithResolvers<ExecutionEnd>;
  unreadBytes: number;
  roomForInput: PromiseWithResolvers<void> | undefined;
}

export class Executions {
  readonly #running = new Map<number, Running>();
  #next = 0;

  constructor(private readonly post: (request: SessionRequest) => void) {}

  /** @throws Error where too many run already */
  start(execution: Execution, take: OutputTaker): RunningProgram {
    return this.#open(take, (session) => ({ kind: "execute", session, execution }));
  }

  /** Asks whether a port of 127.0.0.1 takes connections: ends with 0 where it does. @throws Error as start */
  probe(port: number): RunningProgram {
    return this.#open(() => {}, (session) => ({ kind: "probe", session, port }));
  }

  #open(take: OutputTaker, request: (session: number) => SessionRequest): RunningProgram {
    if (this.#running.size >= limits.sessions.max) {
      throw new Error(`Cannot run more than ${limits.sessions.max} further programs at a time`);
    }
    const session = this.#next++, post = this.post;
    const stream = (stream: SessionStream) =>
      new OutputStream(
        async (bytes) => await take(bytes, stream),
        (bytes) => post({ kind: "session-taken", session, stream, bytes }),
      );
    const running: Running = {
      outputs: { stdout: stream("stdout"), stderr: stream("stderr") },
      ended: Promise.withResolvers(),
      unreadBytes: 0,
      roomForInput: undefined,
    };
    // Who waits hears of it; nobody has to.
    running.ended.promise.catch(() => {});
    this.#running.set(session, running);
    post(request(session));
    return {
      ended: running.ended.promise,
      input(bytes) {
        running.unreadBytes += bytes.length;
        post({ kind: "session-input", session, bytes });
        if (running.unreadBytes <= MAX_UNREAD_BYTES) return Promise.resolve();
        return (running.roomForInput ??= Promise.withResolvers()).promise;
      },
      endInput: () => post({ kind: "session-end-input", session }),
      signal: (number) => post({ kind: "session-signal", session, number }),
      resize: (size) => post({ kind: "session-resize", session, size }),
    };
  }

  receive(message: SessionMessage): void {
    const { session } = message, running = this.#running.get(session);
    if (running === undefined) return;
    switch (message.kind) {
      case "session-output":
        return running.outputs[message.stream].add(message.bytes);
      case "session-taken":
        running.unreadBytes -= message.bytes;
        if (running.unreadBytes <= MAX_UNREAD_BYTES) this.#admitInput(running);
        return;
      case "session-ended": {
        const { status, signal, reason } = message;
        this.#running.delete(session);
        this.#admitInput(running);
        const { stdout, stderr } = running.outputs;
        void Promise.all([stdout.drained, stderr.drained]).then(() =>
          running.ended.resolve({ status, signal, reason })
        );
        return;
      }
    }
  }

  /** Tells all programs that whoever ran them will soon be gone. */
  hangUp(): void {
    for (const session of this.#running.keys()) {
      this.post({ kind: "session-signal", session, number: SIGHUP });
    }
  }

  /** The machine is no more. */
  close(): void {
    for (const running of this.#running.values()) {
      this.#admitInput(running);
      running.ended.reject(new Error("the machine has ended"));
    }
    this.#running.clear();
  }

  #admitInput(running: Running): void {
    running.roomForInput?.resolve();
    running.roomForInput = undefined;
  }
}
