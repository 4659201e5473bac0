// The timers that a process has: three of setitimer(2), and those of timer_create(2), which send signals.
import { E, fail } from "../../errno.ts";
import { type Counter, cpuTime } from "./clock.ts";
import { RLIMIT } from "../limits.ts";
import type { Process } from "../process.ts";
import { SI, SIG, type SignalInfo } from "../signal/signal.ts";
import type { Thread } from "../thread.ts";
import { Timer } from "./timer.ts";

/** Numbers of the three interval timers. */
const ITIMER = { REAL: 0, VIRTUAL: 1, PROF: 2 } as const;
const INTERVAL_SIGNALS = [SIG.ALRM, SIG.VTALRM, SIG.PROF];

/** Timers that one process may make. */
const MAX_TIMERS = 1024;
const NS_PER_SECOND = 1e9;
/** As _POSIX_DELAYTIMER_MAX of Linux. */
const MAX_OVERRUN = 0x7fff_ffff;

/** What happens when a timer expires; undefined for nothing. */
export interface Notification {
  signal: number;
  value: bigint | undefined;
  /** undefined for the process */
  thread: Thread | undefined;
}

export class PosixTimer {
  readonly timer: Timer;
  #last: SignalInfo | undefined;

  constructor(
    process: Process,
    id: number,
    counter: Counter,
    { signal, value, thread }: Notification,
  ) {
    const { environment, clocks } = process.kernel;
    const target = thread ?? process;
    this.timer = new Timer(environment.tasks, clocks.monotonic, counter, (times) => {
      if (signal === 0 || thread?.ended) return;
      if (this.#last !== undefined && target.pending.holds(this.#last)) {
        this.#last.overrun = Math.min(MAX_OVERRUN, this.#last.overrun! + times);
        return;
      }
      this.#last = {
        signal,
        code: SI.TIMER,
        timer: id,
        value: value ?? BigInt(id),
        overrun: Math.min(MAX_OVERRUN, times - 1),
      };
      target.post(this.#last);
    });
  }

  /** How often it expired after the signal that was sent last, and before that was taken. */
  get overrun(): number {
    return this.#last?.overrun ?? 0;
  }
}

export class ProcessTimers {
  readonly #intervals: (Timer | undefined)[] = [];
  readonly #made = new Map<number, PosixTimer>();
  #limit: Timer | undefined;
  #nextId = 0;

  constructor(private readonly process: Process) {}

  /** An interval timer, made when it is first asked for. @throws Errno EINVAL */
  interval(which: number): Timer {
    const signal = INTERVAL_SIGNALS[which] ?? fail(E.EINVAL);
    const { process } = this;
    const { environment, clocks } = process.kernel;
    return this.#intervals[which] ??= new Timer(
      environment.tasks,
      clocks.monotonic,
      which === ITIMER.REAL ? clocks.monotonic : cpuTime(() => process.cpuNs),
      () => process.post({ signal, code: SI.KERNEL }),
    );
  }

  /** RLIMIT_CPU has been set: a signal each second of processor time from the soft one on, an end at the hard. */
  limitProcessorTime(): void {
    const { process } = this;
    const { soft, hard } = process.limits[RLIMIT.CPU];
    if (soft === Infinity) return this.#limit?.disarm();
    const { environment, clocks } = process.kernel;
    this.#limit ??= new Timer(
      environment.tasks,
      clocks.monotonic,
      cpuTime(() => process.cpuNs),
      () => {
        const over = process.cpuNs >= process.limits[RLIMIT.CPU].hard * NS_PER_SECOND;
        process.post({ signal: over ? SIG.KILL : SIG.XCPU, code: SI.KERNEL });
      },
    );
    this.#limit.arm(Math.min(soft, hard) * NS_PER_SECOND, NS_PER_SECOND);
  }

  /** @returns its number @throws Errno EAGAIN where there are too many */
  create(counter: Counter, notification: Notification): number {
    if (this.#made.size >= MAX_TIMERS) fail(E.EAGAIN);
    const id = this.#nextId++;
    this.#made.set(id, new PosixTimer(this.process, id, counter, notification));
    return id;
  }

  /** @throws Errno EINVAL */
  get(id: number): PosixTimer {
    return this.#made.get(id) ?? fail(E.EINVAL);
  }

  /** @throws Errno EINVAL */
  delete(id: number): void {
    this.get(id).timer.disarm();
    this.#made.delete(id);
  }

  /** What another program does not get (execve(2)): the interval timers stay. */
  deleteMade(): void {
    for (const { timer } of this.#made.values()) timer.disarm();
    this.#made.clear();
  }

  /** The process is over. */
  stop(): void {
    this.deleteMade();
    this.#limit?.disarm();
    for (const timer of this.#intervals) timer?.disarm();
  }
}
