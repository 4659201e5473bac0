// Calls that are due some time later, made by a loop when it comes by: nobody needs an event loop for them.

/** The time as those see it who wait for something. */
export interface HostTime {
  /** milliseconds of a clock that does not jump */
  nowMs(): number;
  /** Calls once after some time. */
  after(delayMs: number, call: () => void): void;
}

/** The time of a thread that has an event loop. */
export const eventLoopTime: HostTime = {
  nowMs: () => performance.now(),
  after: (delayMs, call) => void setTimeout(call, delayMs),
};

interface Timer {
  dueMs: number;
  call(): void;
}

export class Timers implements HostTime {
  /** the next one first */
  readonly #timers: Timer[] = [];

  /** @param nowNs nanoseconds of a clock that does not jump */
  constructor(private readonly nowNs: () => number) {}

  nowMs(): number {
    return this.nowNs() / 1e6;
  }

  after(delayMs: number, call: () => void): void {
    const dueMs = this.nowMs() + delayMs;
    let index = this.#timers.length;
    while (index > 0 && this.#timers[index - 1].dueMs > dueMs) index--;
    this.#timers.splice(index, 0, { dueMs, call });
  }

  /** When the next call is due, in milliseconds from now: 0 where it is late, Infinity where there is none. */
  get nextMs(): number {
    const [next] = this.#timers;
    return next === undefined ? Infinity : Math.max(0, next.dueMs - this.nowMs());
  }

  /** Makes the calls that are due. */
  run(): void {
    if (this.#timers.length === 0) return;
    const now = this.nowMs();
    while (this.#timers.length > 0 && this.#timers[0].dueMs <= now) this.#timers.shift()!.call();
  }
}
