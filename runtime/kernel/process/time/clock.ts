// The clocks of clock_gettime(2). Monotonic time is the environment's; the time of day is monotonic time from a
// moment that is asked for once, since nobody sets the machine's clock; processor time is what threads have run.
import type { Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import { getLong, putLong } from "../little_endian.ts";
import type { Thread } from "../thread.ts";

/** Numbers of clocks that are always there. */
export const CLOCK = {
  REALTIME: 0,
  MONOTONIC: 1,
  PROCESS_CPUTIME: 2,
  THREAD_CPUTIME: 3,
  MONOTONIC_RAW: 4,
  REALTIME_COARSE: 5,
  MONOTONIC_COARSE: 6,
  BOOTTIME: 7,
  TAI: 11,
} as const;

export const NS_PER_SECOND = 1e9;

/** A clock that timers and sleeps count on. */
export interface Counter {
  /** nanoseconds; never goes back */
  nowNs(): number;
  /** whether it stands still while nobody runs */
  readonly cpu: boolean;
  /** the count at which it shows a time */
  at(seconds: number, nanoseconds: number): number;
}

/** Seconds and nanoseconds of a duration or a moment as `struct timespec`. */
export function putTimespec(out: Uint8Array, at: number, ns: number): void {
  const seconds = Math.floor(ns / NS_PER_SECOND);
  putLong(out, at, seconds);
  putLong(out, at + 8, Math.floor(ns - seconds * NS_PER_SECOND));
}

/** The two numbers of a `struct timespec`. @throws Errno EINVAL for what is no time */
export function getTimespec(bytes: Uint8Array, at: number): [seconds: number, nanoseconds: number] {
  const seconds = getLong(bytes, at), nanoseconds = getLong(bytes, at + 8);
  if (seconds < 0 || nanoseconds < 0 || nanoseconds >= NS_PER_SECOND) fail(E.EINVAL);
  return [seconds, nanoseconds];
}

/** The clocks of a machine. */
export class Clocks {
  /** what the time of day is ahead of monotonic time: whole seconds, and nanoseconds below one */
  #aheadSeconds = 0;
  #aheadNs = 0;
  #known = false;
  readonly #monotonic: Counter;
  readonly #realtime: Counter;

  constructor(private readonly environment: Environment) {
    const nowNs = () => environment.nowNs();
    this.#monotonic = { nowNs, cpu: false, at: (seconds, ns) => seconds * NS_PER_SECOND + ns };
    this.#realtime = {
      nowNs,
      cpu: false,
      at: (seconds, ns) => {
        this.#lookUp();
        return (seconds - this.#aheadSeconds) * NS_PER_SECOND + ns - this.#aheadNs;
      },
    };
  }

  #lookUp(): void {
    if (this.#known) return;
    const ahead = this.environment.realtimeNs() - BigInt(Math.floor(this.environment.nowNs()));
    this.#aheadSeconds = Number(ahead / 1_000_000_000n);
    this.#aheadNs = Number(ahead % 1_000_000_000n);
    this.#known = true;
  }

  /** Puts the time of day as `struct timespec`; with `unitNs` 1000, as `struct timeval`. */
  putTimeOfDay(out: Uint8Array, at: number, unitNs = 1): void {
    if (!this.#known) this.#lookUp();
    const ns = this.environment.nowNs() + this.#aheadNs;
    const seconds = Math.floor(ns / NS_PER_SECOND);
    putLong(out, at, this.#aheadSeconds + seconds);
    putLong(out, at + 8, Math.floor((ns - seconds * NS_PER_SECOND) / unitNs));
  }

  /** Seconds since 1970 at which monotonic time was zero. */
  get bootSeconds(): number {
    this.#lookUp();
    return this.#aheadSeconds;
  }

  /** Puts what a clock shows as `struct timespec`. @throws Errno EINVAL where there is no such clock */
  put(thread: Thread, clock: number, out: Uint8Array, at = 0): void {
    switch (clock) {
      case CLOCK.REALTIME:
      case CLOCK.REALTIME_COARSE:
      case CLOCK.TAI:
        return this.putTimeOfDay(out, at);
      case CLOCK.MONOTONIC:
      case CLOCK.MONOTONIC_RAW:
      case CLOCK.MONOTONIC_COARSE:
      case CLOCK.BOOTTIME:
        return putTimespec(out, at, this.environment.nowNs());
      default:
        return putTimespec(out, at, cpuCounter(thread, clock).nowNs());
    }
  }

  /**
   * The clock of a number, to count on.
   * @throws Errno EINVAL where there is none, EOPNOTSUPP where it wakes nobody
   */
  counter(thread: Thread, clock: number): Counter {
    switch (clock) {
      case CLOCK.REALTIME:
      case CLOCK.TAI:
        return this.#realtime;
      case CLOCK.MONOTONIC:
      case CLOCK.BOOTTIME:
        return this.#monotonic;
      case CLOCK.MONOTONIC_RAW:
      case CLOCK.REALTIME_COARSE:
      case CLOCK.MONOTONIC_COARSE:
        return fail(E.EOPNOTSUPP);
      default:
        return cpuCounter(thread, clock);
    }
  }

  /** Counts monotonic time, from times of day on. */
  get realtime(): Counter {
    return this.#realtime;
  }

  /** Counts monotonic time. */
  get monotonic(): Counter {
    return this.#monotonic;
  }
}

/** Counts processor time. */
export function cpuTime(nowNs: () => number): Counter {
  return { nowNs, cpu: true, at: (seconds, ns) => seconds * NS_PER_SECOND + ns };
}

/** What the lowest three bits of a clock of somebody in particular say. */
const PER_THREAD = 4;
const WHICH = 3;
const BY_DESCRIPTOR = 3;

/** A clock of processor time: the caller's, or that of a process or thread whose number it has. */
function cpuCounter(thread: Thread, clock: number): Counter {
  const { process } = thread;
  if (clock === CLOCK.PROCESS_CPUTIME) return cpuTime(() => process.cpuNs);
  if (clock === CLOCK.THREAD_CPUTIME) return cpuTime(() => thread.cpuNs);
  if (clock >= 0 || (clock & WHICH) === BY_DESCRIPTOR) return fail(E.EINVAL);
  const id = ~(clock >> 3);
  if ((clock & PER_THREAD) !== 0) {
    const other = id === 0 ? thread : process.kernel.thread(id);
    if (other === undefined || other.process !== process) return fail(E.EINVAL);
    return cpuTime(() => other.cpuNs);
  }
  const other = id === 0 ? process : process.kernel.process(id) ?? fail(E.EINVAL);
  return cpuTime(() => other.cpuNs);
}
