// A timer of a process: expires at a count of a clock, once or again and again.
import { type Tasks, WaitQueue } from "../../coroutine.ts";
import type { Counter } from "./clock.ts";

/** Shorter intervals expire several times at once: a timer never keeps the domain busy by itself. */
const LEAST_WAIT_NS = 50_000;
/** How often a clock of processor time is looked at, at most. */
const LEAST_CPU_WAIT_NS = 1e6;

export class Timer {
  readonly #changed = new WaitQueue();
  #deadlineNs: number | undefined;
  #watched = false;
  intervalNs = 0;

  /** @param expired told how often it has expired since it was told last */
  constructor(
    private readonly tasks: Tasks,
    private readonly wall: Counter,
    readonly counter: Counter,
    private readonly expired: (times: number) => void,
  ) {}

  /** Nanoseconds until it expires; 0 where it is not armed. */
  get remainingNs(): number {
    if (this.#deadlineNs === undefined) return 0;
    return Math.max(1, this.#deadlineNs - this.counter.nowNs());
  }

  /** @param deadlineNs on its clock @param intervalNs 0 to expire once */
  arm(deadlineNs: number, intervalNs: number): void {
    this.#deadlineNs = deadlineNs;
    this.intervalNs = intervalNs;
    if (this.#watched) this.#changed.wakeAll();
    else {
      this.#watched = true;
      this.tasks.spawn(this.#watch());
    }
  }

  disarm(): void {
    this.#deadlineNs = undefined;
    this.intervalNs = 0;
    this.#changed.wakeAll();
  }

  *#watch(): Generator<WaitQueue, void> {
    const least = this.counter.cpu ? LEAST_CPU_WAIT_NS : LEAST_WAIT_NS;
    while (this.#deadlineNs !== undefined) {
      const late = this.counter.nowNs() - this.#deadlineNs;
      let wait = -late;
      if (late >= 0) {
        this.#expire(late);
        if (this.#deadlineNs === undefined) break;
        wait = Math.max(least, this.#deadlineNs - this.counter.nowNs());
      } else if (this.counter.cpu) wait = Math.max(least, wait);
      // A processor clock runs no faster than time: until then there is nothing to see.
      const cancel = this.tasks.wakeAt(this.wall.nowNs() + wait, this.#changed);
      try {
        yield this.#changed;
      } finally {
        cancel();
      }
    }
    this.#watched = false;
  }

  #expire(late: number): void {
    const { intervalNs } = this;
    if (intervalNs === 0) {
      this.#deadlineNs = undefined;
      return this.expired(1);
    }
    const times = 1 + Math.floor(late / intervalNs);
    this.#deadlineNs! += times * intervalNs;
    this.expired(times);
  }
}
