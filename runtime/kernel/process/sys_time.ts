// Clocks, sleeping and interval timers (time(7)).
import { type Coroutine, WaitQueue } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { Handlers, ThreadHandlers } from "./handler.ts";
import type { Process, ProcessKernel } from "./process.ts";
import { SI, SIG } from "./signal.ts";
import { durationNs } from "./sys_signal.ts";
import type { Thread } from "./thread.ts";

const CLOCK = {
  REALTIME: 0,
  MONOTONIC: 1,
  PROCESS_CPUTIME: 2,
  THREAD_CPUTIME: 3,
  MONOTONIC_RAW: 4,
  REALTIME_COARSE: 5,
  MONOTONIC_COARSE: 6,
  BOOTTIME: 7,
} as const;
const TIMER_ABSTIME = 1;
const ITIMER = { REAL: 0, VIRTUAL: 1, PROF: 2 } as const;

/** Realtime minus monotonic, microseconds: the machine's clock is not set while it runs. */
const offsets = new WeakMap<ProcessKernel, number>();

function realtimeUs(kernel: ProcessKernel): number {
  let offset = offsets.get(kernel);
  if (offset === undefined) {
    offset = Number(kernel.environment.realtimeNs() / 1000n) -
      Math.floor(kernel.environment.nowNs() / 1e3);
    offsets.set(kernel, offset);
  }
  return offset + Math.floor(kernel.environment.nowNs() / 1e3);
}

/** Writes seconds and a rest, as two 64-bit numbers. */
function putTime(out: Uint8Array, seconds: number, rest: number, at = 0): void {
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  view.setUint32(at, seconds, true);
  view.setUint32(at + 4, seconds / 2 ** 32, true);
  view.setUint32(at + 8, rest, true);
  view.setUint32(at + 12, 0, true);
}

export function putNs(out: Uint8Array, ns: number, at = 0): void {
  const seconds = Math.floor(ns / 1e9);
  putTime(out, seconds, Math.floor(ns - seconds * 1e9), at);
}

function clockGettime(thread: Thread, clock: number, out: Uint8Array): number {
  const { process } = thread;
  const { kernel } = process;
  switch (clock) {
    case CLOCK.REALTIME:
    case CLOCK.REALTIME_COARSE: {
      const us = realtimeUs(kernel);
      const seconds = Math.floor(us / 1e6);
      putTime(out, seconds, (us - seconds * 1e6) * 1000);
      return 0;
    }
    case CLOCK.MONOTONIC:
    case CLOCK.MONOTONIC_RAW:
    case CLOCK.MONOTONIC_COARSE:
    case CLOCK.BOOTTIME:
      putNs(out, kernel.environment.nowNs());
      return 0;
    case CLOCK.PROCESS_CPUTIME:
      putNs(out, process.cpuNs);
      return 0;
    case CLOCK.THREAD_CPUTIME:
      putNs(out, thread.cpuNs);
      return 0;
    default: {
      // Clocks of a process or thread: its number, inverted, above three bits that say which.
      if (clock >= 0) return fail(E.EINVAL);
      const id = ~(clock >> 3), ofThread = (clock & 4) !== 0;
      if (ofThread) putNs(out, (id === 0 ? thread : kernel.thread(id) ?? fail(E.EINVAL)).cpuNs);
      else putNs(out, (id === 0 ? process : kernel.process(id) ?? fail(E.EINVAL)).cpuNs);
      return 0;
    }
  }
}

function clockGetres(_process: Process, clock: number, out: Uint8Array | undefined): number {
  if (clock > CLOCK.BOOTTIME) fail(E.EINVAL);
  const coarse = clock === CLOCK.REALTIME_COARSE || clock === CLOCK.MONOTONIC_COARSE;
  if (out !== undefined) putNs(out, coarse ? 4e6 : 1);
  return 0;
}

function gettimeofday(process: Process, out: Uint8Array | undefined): number {
  if (out === undefined) return 0;
  const us = realtimeUs(process.kernel);
  const seconds = Math.floor(us / 1e6);
  putTime(out, seconds, us - seconds * 1e6);
  return 0;
}

/** Sleeps to a moment of the monotonic clock; a signal ends it. */
function* sleepUntil(
  kernel: ProcessKernel,
  deadline: number,
  left: (ns: number) => void,
): Coroutine<number> {
  const { tasks, nowNs } = kernel.environment;
  const queue = new WaitQueue(true);
  const cancel = tasks.wakeAt(deadline, queue);
  try {
    while (nowNs() < deadline) yield queue;
    return 0;
  } finally {
    cancel();
    left(Math.max(0, deadline - nowNs()));
  }
}

function clockNanosleep(
  process: Process,
  clock: number,
  flags: number,
  time: Uint8Array,
  remaining: Uint8Array | undefined,
): Coroutine<number> {
  const { kernel } = process;
  if (clock === CLOCK.THREAD_CPUTIME || clock > CLOCK.BOOTTIME || clock < 0) fail(E.EINVAL);
  const ns = durationNs(time);
  const now = kernel.environment.nowNs();
  if ((flags & TIMER_ABSTIME) === 0) {
    return sleepUntil(kernel, now + ns, (left) => remaining && putNs(remaining, left));
  }
  const clockNow = clock === CLOCK.REALTIME ? realtimeUs(kernel) * 1e3 : now;
  return sleepUntil(kernel, now + ns - clockNow, () => {});
}

/** A timer that sends a process a signal. */
interface IntervalTimer {
  deadlineNs: number;
  intervalNs: number;
  cancel: (() => void) | undefined;
}

const timers = new WeakMap<Process, IntervalTimer[]>();

/** What is left of a timer, and its interval. */
function putTimer(out: Uint8Array, timer: IntervalTimer | undefined, now: number): void {
  const put = (ns: number, at: number) => {
    const seconds = Math.floor(ns / 1e9);
    putTime(out, seconds, Math.floor((ns - seconds * 1e9) / 1e3), at);
  };
  put(timer?.intervalNs ?? 0, 0);
  put(
    timer === undefined || timer.deadlineNs === 0 ? 0 : Math.max(1e3, timer.deadlineNs - now),
    16,
  );
}

function timeOf(process: Process, which: number): number {
  return which === ITIMER.REAL ? process.kernel.environment.nowNs() : process.cpuNs;
}

function getitimer(process: Process, which: number, out: Uint8Array): number {
  if (!(which >= 0 && which <= ITIMER.PROF)) fail(E.EINVAL);
  putTimer(out, timers.get(process)?.[which], timeOf(process, which));
  return 0;
}

/** Time of CPU is looked at this often while a timer of it runs. */
const CPU_TICK_NS = 10e6;

/** @param value `struct itimerval`: interval, then what is left, in seconds and microseconds */
function setitimer(
  process: Process,
  which: number,
  value: Uint8Array | undefined,
  old: Uint8Array | undefined,
): number {
  if (old !== undefined) getitimer(process, which, old);
  if (!(which >= 0 && which <= ITIMER.PROF)) fail(E.EINVAL);
  let all = timers.get(process);
  if (all === undefined) timers.set(process, all = []);
  const timer = all[which] ??= { deadlineNs: 0, intervalNs: 0, cancel: undefined };
  const view = value && new DataView(value.buffer, value.byteOffset);
  const time = (at: number) => {
    if (view === undefined) return 0;
    const us = Number(view.getBigInt64(at + 8, true));
    if (!(us >= 0 && us < 1e6)) fail(E.EINVAL);
    return Number(view.getBigInt64(at, true)) * 1e9 + us * 1e3;
  };
  const interval = time(0), left = time(16);
  timer.cancel?.();
  timer.cancel = undefined;
  timer.intervalNs = interval;
  timer.deadlineNs = left === 0 ? 0 : timeOf(process, which) + left;
  if (left > 0) arm(process, which, timer);
  return 0;
}

function arm(process: Process, which: number, timer: IntervalTimer): void {
  const { tasks, nowNs } = process.kernel.environment;
  const signal = [SIG.ALRM, SIG.VTALRM, SIG.PROF][which];
  let cancelled = false;
  const queue = new WaitQueue();
  let cancelTimer = () => {};
  timer.cancel = () => {
    cancelled = true;
    cancelTimer();
    queue.wakeAll();
  };
  tasks.spawn(function* (): Coroutine<void> {
    for (;;) {
      while (timeOf(process, which) < timer.deadlineNs) {
        if (cancelled || process.ending !== undefined) return;
        const left = timer.deadlineNs - timeOf(process, which);
        cancelTimer = tasks.wakeAt(
          nowNs() + (which === ITIMER.REAL ? left : Math.max(left, CPU_TICK_NS)),
          queue,
        );
        yield queue;
      }
      if (cancelled || process.ending !== undefined) return;
      process.post({ signal, code: SI.KERNEL });
      if (timer.intervalNs === 0) {
        timer.deadlineNs = 0;
        return;
      }
      // Periods that were missed are not made up for.
      const now = timeOf(process, which);
      const missed = Math.floor((now - timer.deadlineNs) / timer.intervalNs);
      timer.deadlineNs += timer.intervalNs * (missed + 1);
    }
  }());
}

export const timeCalls: Handlers = {
  clock_getres: clockGetres,
  gettimeofday,
  clock_nanosleep: clockNanosleep,
  nanosleep: (process: Process, time: Uint8Array, remaining: Uint8Array | undefined) =>
    clockNanosleep(process, CLOCK.MONOTONIC, 0, time, remaining),
  getitimer,
  setitimer,
  clock_settime: () => fail(E.EPERM),
  settimeofday: () => fail(E.EPERM),
};

export const threadTimeCalls: ThreadHandlers = { clock_gettime: clockGettime };
