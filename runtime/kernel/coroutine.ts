// Blocking kernel work: generator coroutines that yield the wait queue they sleep on, and the
// scheduler of one domain that resumes them. No promises, no timers: a domain's loop drives this,
// so the same code runs in parallel and in deterministic mode.
import { type Recorder, silent } from "../trace/recorder.ts";
import { Errno } from "./errno.ts";

/** Kernel work that may block: yields the queue it waits on, returns its result. Generators are. */
export interface Coroutine<T> {
  next(): IteratorResult<WaitQueue, T>;
  /** Goes on as if what it waits for had failed; only what waits interruptibly is called so. */
  throw?(failure: unknown): IteratorResult<WaitQueue, T>;
  [Symbol.iterator](): Coroutine<T>;
}

/** A result that is there at once, or the work still to be done for it. */
export type Blocking<T> = T | Coroutine<T>;

/** Whether a blocking result still has work to do. */
export function isCoroutine<T>(value: Blocking<T>): value is Coroutine<T> {
  return typeof value === "object" && value !== null &&
    (value instanceof Answer || "next" in (value as object));
}

/** Finishes a blocking result inside another coroutine. */
export function* finish<T>(value: Blocking<T>): Coroutine<T> {
  return isCoroutine(value) ? yield* value : value;
}

/** A result as a coroutine, whether it is there already or not. */
export function coroutineOf<T>(value: Blocking<T>): Coroutine<T> {
  return isCoroutine(value) ? value : finish(value);
}

/**
 * Begins several things at once.
 * @returns what ends when all of them are over, and then throws what the first of them threw
 */
export function together(works: Coroutine<void>[]): Coroutine<void> {
  const failures: unknown[] = [];
  const goOn = (work: Coroutine<void>): IteratorResult<WaitQueue, void> => {
    try {
      return work.next();
    } catch (failure) {
      failures.push(failure);
      return { done: true, value: undefined };
    }
  };
  for (const work of works) goOn(work);
  return function* (): Coroutine<void> {
    for (const work of works) {
      // What it waited for may have come while others were waited for: it is asked again first.
      for (let step = goOn(work); !step.done; step = goOn(work)) yield step.value;
    }
    if (failures.length > 0) throw failures[0];
  }();
}

/** A place where tasks sleep until somebody wakes it. Wake-ups are not remembered: re-check in a loop. */
export class WaitQueue {
  #sleepers: Task[] = [];
  #watchers: Set<() => void> | undefined;

  /**
   * @param interruptible whether what is waited for may never come, so that a signal may end the wait:
   * the task goes on with the failure that {@link Task.interrupt} gives, and must be ready for it
   */
  constructor(readonly interruptible = false) {}

  get empty(): boolean {
    return this.#sleepers.length === 0;
  }

  /** Makes every sleeper runnable, in the order they came, and tells who watches. */
  wakeAll(): void {
    if (this.#watchers !== undefined) { for (const told of this.#watchers) told(); }
    if (this.#sleepers.length === 0) return;
    const sleepers = this.#sleepers;
    this.#sleepers = [];
    for (const task of sleepers) task.wake(this);
  }

  /** Makes the longest sleeper runnable. */
  wakeOne(): void {
    this.#sleepers.shift()?.wake(this);
  }

  /**
   * Has a function called at every {@link wakeAll}, until it is taken back.
   * @returns the function that takes it back
   */
  watch(told: () => void): () => void {
    // Each call has a place of its own, even where the same function watches twice.
    const watcher = () => told();
    const watchers = this.#watchers ??= new Set();
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }

  /** Used by the scheduler only. */
  add(task: Task): void {
    this.#sleepers.push(task);
  }

  /** Used to take back a cancelled wait. */
  remove(task: Task): void {
    const index = this.#sleepers.indexOf(task);
    if (index >= 0) this.#sleepers.splice(index, 1);
  }
}

/**
 * A result that somebody else will bring: a coroutine with nothing to run. Starting one costs a call,
 * not a task; inside another coroutine it is waited for like any.
 */
export class Answer<T> implements Coroutine<T> {
  #over = false;
  #value: T | undefined;
  #failure: unknown;
  #subscriber: ((value: T | undefined, failure: unknown) => void) | undefined;
  #sleepers: WaitQueue | undefined;

  /** Brings the result, once. */
  settle(value: T | undefined, failure?: unknown): void {
    this.#over = true;
    this.#value = value;
    this.#failure = failure;
    this.#subscriber?.(value, failure);
    this.#sleepers?.wakeAll();
  }

  /** Calls `settled` with the result: at once when it is there, else when it comes. */
  subscribe(settled: (value: T | undefined, failure: unknown) => void): void {
    if (this.#over) settled(this.#value, this.#failure);
    else this.#subscriber = settled;
  }

  next(): IteratorResult<WaitQueue, T> {
    if (!this.#over) return { done: false, value: this.#sleepers ??= new WaitQueue() };
    if (this.#failure !== undefined) throw this.#failure;
    return { done: true, value: this.#value as T };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/** One running coroutine. */
export class Task {
  /** whose work it does: see {@link Tasks.context} */
  readonly #context: number;
  #waitingOn: WaitQueue | undefined;
  #interruption: unknown;

  constructor(
    private readonly tasks: Tasks,
    private readonly body: Coroutine<unknown>,
    private readonly settled: (value: unknown, failure: unknown) => void,
  ) {
    this.#context = tasks.context;
  }

  /** Called by the wait queue that the task slept on. */
  wake(queue: WaitQueue): void {
    if (this.#waitingOn !== queue) return;
    this.#waitingOn = undefined;
    this.tasks.makeReady(this);
  }

  /**
   * Ends an interruptible wait with a failure, thrown where the task waits. One that has just been woken, that
   * runs, or that waits for what will come, gets it where it waits interruptibly next.
   * @returns false where the task does not wait, or must not be interrupted
   */
  interrupt(failure: unknown): boolean {
    const queue = this.#waitingOn;
    if (queue === undefined || !queue.interruptible || this.body.throw === undefined) {
      this.#interruption = failure;
      return false;
    }
    queue.remove(this);
    this.#waitingOn = undefined;
    const result = this.#thrown(failure);
    if (result !== undefined) this.#proceed(result);
    return true;
  }

  /** What the body does with a failure where it waits; undefined where that ends it. */
  #thrown(failure: unknown): IteratorResult<WaitQueue, unknown> | undefined {
    try {
      return this.body.throw!(failure);
    } catch (thrown) {
      this.settled(undefined, thrown);
      return undefined;
    }
  }

  /** Runs until the next wait or the end. */
  step(): void {
    this.tasks.context = this.#context;
    let result;
    try {
      result = this.body.next();
    } catch (failure) {
      this.settled(undefined, failure);
      return;
    }
    this.#proceed(result);
  }

  #proceed(result: IteratorResult<WaitQueue, unknown>): void {
    if (!result.done && this.#interruption !== undefined) {
      const failure = this.#interruption;
      if (result.value.interruptible && this.body.throw !== undefined) {
        this.#interruption = undefined;
        const next = this.#thrown(failure);
        if (next !== undefined) this.#proceed(next);
        return;
      }
    }
    if (result.done) this.settled(result.value, undefined);
    else {
      this.#waitingOn = result.value;
      result.value.add(this);
    }
  }
}

interface Timer {
  deadlineNs: number;
  queue: WaitQueue;
}

/** The tasks and timers of one domain. Single-threaded; `run` is called by the domain's loop. */
export class Tasks {
  #ready: Task[] = [];
  #timers: Timer[] = [];

  /** Whose work is being done, for traces: the number of a call or a request of this thread; 0 for nobody's. */
  context = 0;

  /**
   * @param nowNs monotonic clock, nanoseconds
   * @param trace takes what the domain does, where somebody wants to know
   */
  constructor(private readonly nowNs: () => number, readonly trace: Recorder = silent) {}

  /**
   * Starts a coroutine at once, up to its first wait. `settled` gets its value or what it threw;
   * without one, an `Errno` is dropped and anything else stops the domain.
   * @returns the task, by which its waits can be interrupted; none for an `Answer`
   */
  spawn<T>(
    body: Coroutine<T>,
    settled?: (value: T | undefined, failure: unknown) => void,
  ): Task | undefined {
    const end = settled ?? ((_value: unknown, failure: unknown) => {
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
    });
    if (body instanceof Answer) {
      body.subscribe(end);
      return undefined;
    }
    const task = new Task(this, body, end as (value: unknown, failure: unknown) => void);
    task.step();
    return task;
  }

  makeReady(task: Task): void {
    this.#ready.push(task);
  }

  /** Sleeps for at least `durationNs`. */
  *sleep(durationNs: number): Coroutine<void> {
    const timer = { deadlineNs: this.nowNs() + durationNs, queue: new WaitQueue() };
    this.#addTimer(timer);
    while (this.nowNs() < timer.deadlineNs) yield timer.queue;
  }

  /** Lets all others that are ready have their turn. */
  *pause(): Coroutine<void> {
    const queue = new WaitQueue();
    this.#addTimer({ deadlineNs: -Infinity, queue });
    yield queue;
  }

  /**
   * Wakes `queue` at a time, unless it is taken back.
   * @returns the function that takes the timer back
   */
  wakeAt(deadlineNs: number, queue: WaitQueue): () => void {
    const timer = { deadlineNs, queue };
    this.#addTimer(timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  }

  #addTimer(timer: Timer): void {
    let index = this.#timers.length;
    while (index > 0 && this.#timers[index - 1].deadlineNs > timer.deadlineNs) index--;
    this.#timers.splice(index, 0, timer);
  }

  /** When the next timer is due (monotonic nanoseconds); infinity where there is none. */
  get nextDeadlineNs(): number {
    return this.#timers.length === 0 ? Infinity : this.#timers[0].deadlineNs;
  }

  get idle(): boolean {
    return this.#ready.length === 0;
  }

  /** Fires due timers, then runs what is ready. @returns how many tasks ran */
  run(): number {
    this.fireTimers();
    return this.runReady();
  }

  /** Wakes what waits for a time that has come. Reads the clock: costs more than a turn of a loop. */
  fireTimers(): void {
    if (this.#timers.length === 0) return;
    const now = this.nowNs();
    while (this.#timers.length > 0 && this.#timers[0].deadlineNs <= now) {
      this.#timers.shift()!.queue.wakeAll();
    }
  }

  /** Runs what was ready when called. @returns how many tasks ran */
  runReady(): number {
    this.context = 0;
    if (this.#ready.length === 0) return 0;
    const ready = this.#ready;
    this.#ready = [];
    for (const task of ready) task.step();
    this.context = 0;
    return ready.length;
  }
}

/** Mutual exclusion between coroutines; first come, first served. */
export class Mutex {
  #held = false;
  #waiting = 0;
  #queue = new WaitQueue();

  get held(): boolean {
    return this.#held;
  }

  /** Whether nobody holds it, nor is about to. */
  get idle(): boolean {
    return !this.#held && this.#waiting === 0;
  }

  *acquire(): Coroutine<void> {
    while (this.#held) {
      this.#waiting++;
      try {
        yield this.#queue;
      } finally {
        this.#waiting--;
      }
    }
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#queue.wakeOne();
  }
}
