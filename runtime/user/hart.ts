// A hart that runs user threads: many threads, one host thread. A thread that blocks in a system call
// is put aside and the next ready one runs; only with nothing to run does the hart spin, then sleep.
import { type Blocking, isCoroutine, type Tasks } from "../kernel/coroutine.ts";
import type { DomainLoop } from "../kernel/domain_loop.ts";
import { Errno } from "../kernel/errno.ts";
import { PAGE_FAULT, TraceEvent } from "../trace/recorder.ts";
import { ReadyQueue, type UserThread } from "./thread.ts";

/** Turns of microtasks that a native thread may take between two of its system calls. */
const MICROTASK_TURNS = 64;

/** Numbers of system calls are below this. */
const CALL_NUMBERS = 512;

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
  /** by number, of those that there can be */
  readonly callCounts: Float64Array = new Float64Array(CALL_NUMBERS);
  blockedCalls = 0;
  /** counted down, so that none has the number of a call */
  #pageFaults = 0;
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
   * Carries out a system call of a thread: `handler` gives what the kernel's handler answered.
   * The thread is resumed with the result later, never from within this function.
   */
  execute(thread: UserThread, number: number, handler: () => Blocking<number>): void {
    this.begin(thread, number);
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

  /** Counts a system call of a thread; what is done from here on is done for it. */
  begin(thread: UserThread, number: number): void {
    const { trace } = this.tasks;
    this.tasks.context = ++this.calls;
    if (number >>> 0 < CALL_NUMBERS) this.callCounts[number]++;
    if (trace.on) trace.record(TraceEvent.CALL, thread.tid, number, this.calls);
  }

  /** A thread needs a page: what is done from here on is done for that. */
  beginPageFault(thread: UserThread): void {
    const { trace } = this.tasks;
    this.tasks.context = --this.#pageFaults;
    if (trace.on) trace.record(TraceEvent.CALL, thread.tid, PAGE_FAULT, this.#pageFaults);
  }

  /** Notes that a call of a thread has its result, or that its page is there. */
  end(thread: UserThread, status: number): void {
    const { trace } = this.tasks;
    if (trace.on) trace.record(TraceEvent.CALL_END, thread.tid, status);
  }

  #answer(thread: UserThread, value: number | undefined, failure: unknown): void {
    if (failure !== undefined && !(failure instanceof Errno)) throw failure;
    const status = failure instanceof Errno ? -failure.errno : value as number;
    this.end(thread, status);
    this.ready.push(thread, status);
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
