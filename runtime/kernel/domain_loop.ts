// The loop of a domain: takes requests from its rings, interrupts from its devices and answers from
// the rings it calls through; runs ready tasks; with nothing to do it spins for a while, then sleeps.
import type { Sleeper } from "../hardware/doorbell.ts";
import type { Tasks } from "./coroutine.ts";

/** Something the loop looks at on every turn. */
export interface PollSource {
  /** Does what there is to do. @returns how much that was */
  poll(): number;
  /** Whether there is something to do; asked before sleeping. */
  pending(): boolean;
  /** Tells the other side about what has been done for it since, and wakes it if it sleeps. */
  notify(): void;
  /** Whether what it waits for may well come before a sleeper would be awake again. */
  readonly imminent?: boolean;
}

export interface LoopSettings {
  nowNs(): number;
  /** spin at most this long with nothing to do before sleeping, where the last wait was not longer */
  spinNs: number;
  /** sleep at most this long: bounds what a lost signal costs, and keeps the heartbeat alive */
  maxSleepNs: number;
}

/** How long to look for what is imminent: a sleeper that shares no processor takes as long to wake. */
const IMMINENT_NS = 50e3;
/** How long to look in any case: to sleep and wake takes longer. */
const LEAST_NS = 3e3;
/** Turns between two looks at the clock: some microseconds. A power of two. */
const TURNS_PER_CLOCK = 64;
/** The same in time: turns are long where others have the processor between them. */
const CLOCK_NS = 1e6;

export class DomainLoop {
  /** turns without anything to do since there was something */
  spins = 0;
  /** times it went to sleep */
  sleeps = 0;
  #turns = 0;
  #clockNs = 0;
  /** whether nothing has come since {@link #idleSinceNs} */
  #idle = false;
  #idleSinceNs = 0;
  /** how long the last wait was for what was imminent, and for anything else */
  #imminentNs = 0;
  #otherNs = 0;
  #imminent = false;

  constructor(
    private readonly sources: PollSource[],
    private readonly tasks: Tasks,
    private readonly sleeper: Sleeper,
    private readonly settings: LoopSettings,
  ) {}

  /** One turn over everything, without waiting. @returns whether anything was done */
  turn(): boolean {
    let done = 0;
    const sources = this.sources;
    for (let index = 0; index < sources.length; index++) done += sources[index].poll();
    if ((this.#turns++ & TURNS_PER_CLOCK - 1) === 0) this.tasks.fireTimers();
    done += this.tasks.runReady();
    for (let index = 0; index < sources.length; index++) sources[index].notify();
    if (done === 0) return false;
    if (this.#idle) this.#endWait();
    return true;
  }

  /** Somebody else on this thread had work: what was idle so far does not count. */
  stayAwake(): void {
    this.#idle = false;
  }

  #endWait(): void {
    this.#idle = false;
    const waitedNs = this.settings.nowNs() - this.#idleSinceNs;
    if (this.#imminent) this.#imminentNs = waitedNs;
    else this.#otherNs = waitedNs;
  }

  /** Whether it is time for what need not be done on every turn. */
  get clockTurn(): boolean {
    return (this.#turns & TURNS_PER_CLOCK - 1) === 0;
  }

  /**
   * To be called after a turn that did nothing: lets others have the processor, or sleeps. Who waited for so long
   * the last time that it would not have been worth to look sleeps almost at once.
   */
  wait(): void {
    this.spins++;
    // Others may have the processor for as long as they want: the clock is looked at each time.
    const now = this.settings.nowNs();
    if (now - this.#clockNs > CLOCK_NS) {
      this.#clockNs = now;
      this.#turns = 0;
    }
    if (!this.#idle) {
      this.#idle = true;
      this.#idleSinceNs = now;
      this.#imminent = this.sources.some((source) => source.imminent);
    }
    const mostNs = Math.max(this.#imminent ? IMMINENT_NS : 0, this.settings.spinNs);
    const lastNs = this.#imminent ? this.#imminentNs : this.#otherNs;
    const spinNs = lastNs < mostNs ? Math.max(LEAST_NS, mostNs) : LEAST_NS;
    if (now - this.#idleSinceNs < spinNs) return this.sleeper.relax();
    this.#sleep(now);
    this.#turns = 0;
  }

  #sleep(nowNs: number): void {
    this.sleeper.prepare();
    const timeout = Math.min(this.tasks.nextDeadlineNs - nowNs, this.settings.maxSleepNs);
    if (timeout <= 0 || !this.tasks.idle || this.sources.some((source) => source.pending())) {
      this.sleeper.cancel();
      return;
    }
    this.sleeps++;
    this.sleeper.sleep(timeout);
  }
}
