// Data of a stream on its way to the server: one call at a time, since what a server took of one is told by a count.
// Where there is room for certain, the sender goes on while it travels.
import { Answer, type Blocking, type Coroutine, type Tasks, WaitQueue } from "../../coroutine.ts";
import { E, Errno } from "../../errno.ts";

export class SendBehind {
  #busy = false;
  readonly #free = new WaitQueue();
  #failure: Errno | undefined;

  constructor(private readonly tasks: Tasks) {}

  /** whether something is on its way */
  get busy(): boolean {
    return this.#busy;
  }

  /** Sends after who sends now. */
  *inTurn<T>(send: () => Coroutine<T>): Coroutine<T> {
    while (this.#busy) yield this.#free;
    this.#busy = true;
    try {
      return yield* send();
    } finally {
      this.#busy = false;
      this.#free.wakeAll();
    }
  }

  /** Sends for a caller that goes on; one that fails has its failure told to the next, where `failed` does not take it. */
  begin(
    send: () => Coroutine<unknown>,
    failed = (failure: Errno) => this.fail(failure),
  ): void {
    this.tasks.spawn(this.inTurn(send), (_value, failure) => {
      if (failure === undefined) return;
      if (!(failure instanceof Errno)) throw failure;
      failed(failure);
    });
  }

  /**
   * Sends, for a caller that goes on and while nothing is on its way, by a call that has begun.
   * @param rest what its status leaves to be done, in the same turn @throws Errno where that is the end of it
   */
  follow(
    sent: Blocking<number>,
    rest: (status: number) => Coroutine<void> | undefined,
  ): void {
    if (typeof sent !== "number" && !(sent instanceof Answer)) {
      return this.begin(function* () {
        const left = rest(yield* sent);
        if (left !== undefined) yield* left;
      });
    }
    this.#busy = true;
    const settled = (status: number | undefined, failure?: unknown) => {
      this.#busy = false;
      try {
        if (failure !== undefined) throw failure;
        const left = rest(status!);
        if (left !== undefined) return this.begin(() => left);
      } catch (failure) {
        if (!(failure instanceof Errno)) throw failure;
        this.fail(failure);
      }
      this.#free.wakeAll();
    };
    if (typeof sent === "number") settled(sent);
    else sent.subscribe(settled);
  }

  /** Waits until nothing is on its way. */
  *settled(): Coroutine<void> {
    while (this.#busy) yield this.#free;
  }

  /** Has a failure told to the next caller. */
  fail(failure: Errno): void {
    this.#failure = failure;
  }

  /** What became of something that nobody waited for, told once. */
  takeFailure(): Errno | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  /** @throws Errno of something that nobody waited for, but for EPIPE: that is for senders */
  throwToReceiver(): void {
    if (this.#failure?.errno !== E.EPIPE) this.throwToSender();
  }

  /** @throws Errno of something that nobody waited for */
  throwToSender(): void {
    const failure = this.takeFailure();
    if (failure !== undefined) throw failure;
  }
}
