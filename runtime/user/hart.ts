// A hart that runs user threads: many threads, one host thread. A thread that blocks in a system call
// is put aside and the next ready one runs; only with nothing to run does the hart spin, then sleep.
import { type Blocking, isCoroutine, type Tasks } from "../kernel/coroutine.ts";
import type { DomainLoop } from "../kernel/domain_loop.ts";
import { Errno } from "../kernel/errno.ts";
import { ReadyQueue, type UserThread } from "./thread.ts";

/** Turns of microtasks that a native thread may take between two of its system calls. */
const MICROTASK_TURNS = 64;

/** What the hart asks of the thread of the host that it runs on. */
export interface HartHost {
  /** Looks at control words; cheap. Called on every turn. */
  attend(): void;
  /** Whether the host's event loop has to turn before the hart may go on. */
  attentionNeeded(): boolean;
  /** Lets the host's event loop turn once. */
  turnEventLoop(): Promise<void>;
}

export class Hart {
  readonly ready = new ReadyQueue();
  /** system calls begun, and those of them that had to wait */
  calls = 0;
  blockedCalls = 0;
  /** threads that go on by themselves, in microtasks or events of the host, until they come back */
  #away = 0;

  constructor(
    private readonly loop: DomainLoop,
    private readonly tasks: Tasks,
    private readonly host: HartHost,
  ) {}

  /** Somebody runs by itself from now on: the host's microtasks and events have to turn for it. */
  leave(): void {
    this.#away++;
  }

  /** It waits for a system call, or has ended. */
  enter(): void {
    this.#away--;
  }

  /**
   * Carries out a system call of a thread: `work` is what the kernel's handler answered.
   * The thread is resumed with the result later, never from within this function.
   */
  execute(thread: UserThread, handler: () => Blocking<number>): void {
    this.calls++;
    let result: Blocking<number>;
    try {
      result = handler();
    } catch (failure) {
      return this.#answer(thread, undefined, failure);
    }
    if (!isCoroutine(result)) return this.#answer(thread, result, undefined);
    this.blockedCalls++;
    this.tasks.spawn(result, (value, failure) => this.#answer(thread, value, failure));
  }

  #answer(thread: UserThread, status: number | undefined, failure: unknown): void {
    if (failure instanceof Errno) this.ready.push(thread, -failure.errno);
    else if (failure !== undefined) throw failure;
    else this.ready.push(thread, status as number);
  }

  /** Runs until `finished` says so; everything the kernel does happens inside. */
  async run(finished: () => boolean): Promise<void> {
    let quiet = 0;
    while (!finished()) {
      this.host.attend();
      const worked = this.loop.turn();
      const resumed = this.ready.run();
      // Native threads go on in microtasks, which run while this waits for one of its own.
      await undefined;
      quiet = worked || resumed > 0 ? 0 : quiet + 1;
      // A hart that always has threads to run must hear the host all the same.
      if (this.host.attentionNeeded()) await this.host.turnEventLoop();
      if (quiet === 0 || !this.ready.empty) this.loop.stayAwake();
      else if (this.#away === 0) this.loop.wait();
      // Somebody is neither waiting nor done: give it its microtasks, then suspect a promise of the host.
      else if (quiet > MICROTASK_TURNS) await this.host.turnEventLoop();
    }
  }
}
