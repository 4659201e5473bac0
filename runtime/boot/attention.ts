// How the main thread gets messages to a thread whose loop may block: it posts, counts up a word that
// the loop looks at, and rings its bell; the loop then lets its event loop turn.
import type { Bell } from "../hardware/doorbell.ts";

/** The main thread's side of a worker that runs a loop of its own. */
export class AttentiveWorker {
  readonly #word: Int32Array;
  #nextRequest = 0;
  readonly #replies = new Map<number, PromiseWithResolvers<unknown>>();

  /**
   * @param attention 4 bytes shared with the worker
   * @param receive gets the messages that are not replies
   */
  constructor(
    private readonly worker: Worker,
    attention: SharedArrayBuffer,
    private readonly bell: Bell,
    receive: (message: unknown) => void,
    failed: (failure: Error) => void,
  ) {
    this.#word = new Int32Array(attention);
    worker.onmessage = ({ data }) => {
      if (data?.reply === undefined) return receive(data);
      const waiting = this.#replies.get(data.reply);
      this.#replies.delete(data.reply);
      if (data.failure !== undefined) waiting?.reject(new Error(data.failure));
      else waiting?.resolve(data.value);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const failure = new Error(event.message.replace(/^Uncaught Error: /, ""));
      for (const waiting of this.#replies.values()) waiting.reject(failure);
      this.#replies.clear();
      failed(failure);
    };
  }

  /** Sends a message and does not wait. */
  post(message: object): void {
    this.worker.postMessage(message);
    Atomics.add(this.#word, 0, 1);
    this.bell.ring();
  }

  /** Sends a message and waits for what the worker's `serve` answers. @throws Error that it threw */
  request<T>(message: object): Promise<T> {
    const id = this.#nextRequest++;
    const waiting = Promise.withResolvers<unknown>();
    this.#replies.set(id, waiting);
    this.post({ ...message, request: id });
    return waiting.promise as Promise<T>;
  }

  terminate(): void {
    this.worker.terminate();
  }
}

/** The worker's side: notices that messages wait, and lets them in. */
export class Attention {
  readonly #word: Int32Array;
  readonly #channel = new MessageChannel();
  /** turns of the event loop that were asked for */
  turns = 0;
  #seen = 0;
  #turned: (() => void) | undefined;

  constructor(attention: SharedArrayBuffer) {
    this.#word = new Int32Array(attention);
    this.#channel.port1.onmessage = () => this.#turned?.();
  }

  get needed(): boolean {
    return Atomics.load(this.#word, 0) !== this.#seen;
  }

  /** Lets the event loop turn once, which delivers what was posted before. */
  turnEventLoop(): Promise<void> {
    this.turns++;
    return new Promise((resolve) => {
      this.#turned = resolve;
      this.#channel.port2.postMessage(0);
    });
  }

  /** To be called for each message from the main thread that was handled. */
  handled(): void {
    this.#seen = (this.#seen + 1) | 0;
  }
}
