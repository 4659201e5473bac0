// Calls that ask for the time and that wait for it (time(7)). clock_gettime is what programs call most:
// it makes nothing.
import { type Blocking, type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { CLOCK, type Counter, getTimespec, NS_PER_SECOND, putTimespec } from "./clock.ts";
import type { ThreadHandlers } from "../handler.ts";
import { putInt, putLong } from "../little_endian.ts";
import type { Thread } from "../thread.ts";

const TIMER_ABSTIME = 1;
/** How long a sleep on a clock of processor time waits before it looks again. */
const CPU_TICK_NS = 1e6;

function clockGettime(thread: Thread, clock: number, out: Uint8Array): number {
  thread.process.kernel.clocks.put(thread, clock, out);
  return 0;
}

function clockGetres(thread: Thread, clock: number, out: Uint8Array | undefined): number {
  const coarse = clock >= CLOCK.MONOTONIC_RAW && clock <= CLOCK.MONOTONIC_COARSE;
  if (!coarse) thread.process.kernel.clocks.counter(thread, clock);
  if (out !== undefined) putTimespec(out, 0, 1);
  return 0;
}

/** @param zone what timezones were kept in: all zero */
function gettimeofday(
  thread: Thread,
  out: Uint8Array | undefined,
  zone: Uint8Array | undefined,
): number {
  if (out !== undefined) thread.process.kernel.clocks.putTimeOfDay(out, 0, 1000);
  zone?.fill(0);
  return 0;
}

/** The time of day is the host's: nobody sets it. */
function clockSettime(thread: Thread, clock: number, time: Uint8Array): number {
  getTimespec(time, 0);
  if (clock === CLOCK.REALTIME) return fail(E.EPERM);
  thread.process.kernel.clocks.counter(thread, clock);
  return fail(E.EINVAL);
}

/** @param remaining filled where a signal ends a sleep that was not until a moment */
function* sleepUntil(
  thread: Thread,
  counter: Counter,
  deadlineNs: number,
  absolute: boolean,
  remaining: Uint8Array | undefined,
): Coroutine<number> {
  const { tasks, nowNs } = thread.process.kernel.environment;
  const queue = new WaitQueue(true);
  for (;;) {
    const left = deadlineNs - counter.nowNs();
    if (left <= 0) return 0;
    const cancel = tasks.wakeAt(
      nowNs() + (counter.cpu ? Math.max(left, CPU_TICK_NS) : left),
      queue,
    );
    try {
      yield queue;
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      if (absolute) return -failure.errno;
      thread.sleepDeadlineNs = deadlineNs;
      if (remaining !== undefined) {
        putTimespec(remaining, 0, Math.max(0, deadlineNs - counter.nowNs()));
      }
      return -failure.errno;
    } finally {
      cancel();
    }
  }
}

function clockNanosleep(
  thread: Thread,
  clock: number,
  flags: number,
  request: Uint8Array,
  remaining: Uint8Array | undefined,
): Blocking<number> {
  if (clock === CLOCK.THREAD_CPUTIME) fail(E.EINVAL);
  const counter = thread.process.kernel.clocks.counter(thread, clock);
  const [seconds, nanoseconds] = getTimespec(request, 0);
  const absolute = (flags & TIMER_ABSTIME) !== 0;
  const begun = thread.sleepDeadlineNs;
  thread.sleepDeadlineNs = undefined;
  const deadline = absolute
    ? counter.at(seconds, nanoseconds)
    : begun ?? counter.nowNs() + seconds * NS_PER_SECOND + nanoseconds;
  if (counter.nowNs() >= deadline) return 0;
  return sleepUntil(thread, counter, deadline, absolute, remaining);
}

const TIME_ERROR = 5;
const STA_UNSYNC = 0x40;
/** `struct timex`: where its fields are. */
const Timex = { MODES: 0, STATUS: 40, PRECISION: 56, TIME: 72, TICK: 88 } as const;

/** Nothing can be adjusted, and the clock is not said to agree with any other. */
function adjtimex(thread: Thread, timex: Uint8Array): number {
  const { clocks } = thread.process.kernel;
  const asked = timex.subarray(Timex.MODES, Timex.MODES + 4).some((byte) => byte !== 0);
  if (asked) fail(E.EPERM);
  timex.fill(0);
  putInt(timex, Timex.STATUS, STA_UNSYNC);
  putLong(timex, Timex.PRECISION, 1);
  clocks.putTimeOfDay(timex, Timex.TIME, 1000);
  putLong(timex, Timex.TICK, 10_000);
  return TIME_ERROR;
}

export const timeCalls: ThreadHandlers = {
  clock_gettime: clockGettime,
  clock_getres: clockGetres,
  clock_settime: clockSettime,
  gettimeofday,
  settimeofday: () => fail(E.EPERM),
  clock_nanosleep: clockNanosleep,
  nanosleep: (thread: Thread, request: Uint8Array, remaining: Uint8Array | undefined) =>
    clockNanosleep(thread, CLOCK.MONOTONIC, 0, request, remaining),
  adjtimex,
  clock_adjtime: (thread: Thread, clock: number, timex: Uint8Array) => {
    if (clock === CLOCK.REALTIME) return adjtimex(thread, timex);
    thread.process.kernel.clocks.counter(thread, clock);
    return fail(E.EOPNOTSUPP);
  },
};
