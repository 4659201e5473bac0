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
  /** spin at most this long with nothing to do before sleeping */
  spinNs: number;
  /** whether to spin only where that has shown to pay */
  adaptive?: boolean;
  /** sleep at most this long: bounds what a lost signal costs, and keeps the heartbeat alive */
  maxSleepNs: number;
}

/** How long to look for what is imminent: a sleeper that shares no processor takes as long to wake. */
const IMMINENT_NS = 50e3;
/** How long to look in any case: to sleep and wake takes longer. */
const LEAST_NS = 3e3;
/** After as many sleeps a loop that does not spin any more finds out whether it would pay now. */
const SLEEPS_PER_TRIAL = 32;
/** Turns between two looks at the clock: some microseconds. A power of two. */
const TURNS_PER_CLOCK = 64;

export class DomainLoop {
  /** turns without anything to do since there was something */
  spins = 0;
  /** times it went to sleep */
  sleeps = 0;
  #turns = 0;
  #idleTurns = 0;
  #idleSinceNs = 0;
  /** sleeps since spinning last paid, while nothing was imminent and while something was */
  readonly #sleptInARow = [0, 0];
  #imminent = 0;

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
    if (this.#idleTurns > 0) this.#sleptInARow[this.#imminent] = 0;
    this.#idleTurns = 0;
    return true;
  }

  /** Somebody else on this thread had work: what was idle so far does not count. */
  stayAwake(): void {
    this.#idleTurns = 0;
  }

  /** Whether it is time for what need not be done on every turn. */
  get clockTurn(): boolean {
    return (this.#turns & TURNS_PER_CLOCK - 1) === 0;
  }

  /**
   * To be called after a turn that did nothing: lets others have the processor, or sleeps once it has been
   * idle for long. An adaptive loop that had to sleep although it spun sleeps at once the next times.
   */
  wait(): void {
    this.spins++;
    // Others may have the processor for as long as they want: the clock is looked at each time.
    const now = this.settings.nowNs();
    if (++this.#idleTurns === 1) {
      this.#idleSinceNs = now;
      this.#imminent = this.sources.some((source) => source.imminent) ? 1 : 0;
    }
    const spins = !this.settings.adaptive ||
      this.#sleptInARow[this.#imminent] % SLEEPS_PER_TRIAL < 2;
    const wanted = Math.max(this.#imminent === 1 ? IMMINENT_NS : 0, this.settings.spinNs);
    const spinNs = spins ? Math.max(LEAST_NS, wanted) : LEAST_NS;
    if (now - this.#idleSinceNs < spinNs) return this.sleeper.relax();
    this.#sleep(now);
    this.#idleTurns = 0;
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
    this.#sleptInARow[this.#imminent]++;
    this.sleeper.sleep(timeout);
  }
}
