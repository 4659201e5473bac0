// Programs that are run on a running machine, as whoever runs them sees it: the near end of sessions.ts.
// What neither side has taken yet is bounded in both directions.
import { limits } from "../../schemas/limits.ts";
import type { TerminalSize } from "../hardware/device/virtio.ts";
import type { Execution, SessionMessage, SessionRequest, SessionStream } from "./sessions.ts";

export type { Execution, SessionStream };

/** How a further program ended; `reason` where it could not be started. */
export interface ExecutionEnd {
  status: number;
  signal?: string;
  reason?: string;
}

/** A further program on a machine. */
export interface RunningProgram {
  /** Rejects where the machine ends first. */
  readonly ended: Promise<ExecutionEnd>;
  /** Gives it input; resolves when it may be given more. */
  input(bytes: Uint8Array): Promise<void>;
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

interface Running {
  take: OutputTaker;
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
    if (this.#running.size >= limits.sessions.max) {
      throw new Error(`Cannot run more than ${limits.sessions.max} further programs at a time`);
    }
    const session = this.#next++;
    const running: Running = {
      take,
      ended: Promise.withResolvers(),
      unreadBytes: 0,
      roomForInput: undefined,
    };
    // Who waits hears of it; nobody has to.
    running.ended.promise.catch(() => {});
    this.#running.set(session, running);
    const post = this.post;
    post({ kind: "execute", session, execution });
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
      case "session-output": {
        const { stream, bytes } = message;
        const taken = () =>
          this.post({ kind: "session-taken", session, stream, bytes: bytes.length });
        // Whoever cannot take anything any more does not hold the program up.
        return void Promise.resolve(running.take(bytes, stream)).then(taken, taken);
      }
      case "session-taken":
        running.unreadBytes -= message.bytes;
        if (running.unreadBytes <= MAX_UNREAD_BYTES) this.#admitInput(running);
        return;
      case "session-ended": {
        const { status, signal, reason } = message;
        this.#running.delete(session);
        this.#admitInput(running);
        return running.ended.resolve({ status, signal, reason });
      }
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
