// timerfd_create(2) and its family, signalfd4(2): descriptors that tell of timers and signals.
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { CLOCK, getTimespec, NS_PER_SECOND, putTimespec } from "./clock.ts";
import type { ThreadHandlers } from "../handler.ts";
import { SignalDescription } from "../signal/signalfd.ts";
import { UNMASKABLE } from "../signal/signal.ts";
import type { Thread } from "../thread.ts";
import { TimerDescription } from "./timerfd.ts";

const TFD_TIMER = { ABSTIME: 1, CANCEL_ON_SET: 2 } as const;
/** Clocks that wake a machine which sleeps: this one never does. */
const ALARM_CLOCKS = new Map<number, number>([[8, CLOCK.REALTIME], [9, CLOCK.BOOTTIME]]);
const TIMER_CLOCKS: readonly number[] = [CLOCK.REALTIME, CLOCK.MONOTONIC, CLOCK.BOOTTIME];
const SET_BYTES = 8;
const NO_DESCRIPTOR = -1;

function create(thread: Thread, clock: number, flags: number): number {
  const { process } = thread;
  const like = ALARM_CLOCKS.get(clock) ?? clock;
  if (!TIMER_CLOCKS.includes(like) || (flags & ~(O.CLOEXEC | O.NONBLOCK)) !== 0) fail(E.EINVAL);
  const { clocks, environment } = process.kernel;
  const description = new TimerDescription(
    environment.tasks,
    clocks.monotonic,
    clocks.counter(thread, like),
    O.RDWR | flags & O.NONBLOCK,
  );
  return process.addDescription(description, (flags & O.CLOEXEC) !== 0);
}

/** @throws Errno EBADF, EINVAL */
function timerOf(thread: Thread, fd: number): TimerDescription {
  const description = thread.process.description(fd);
  return description instanceof TimerDescription ? description : fail(E.EINVAL);
}

/** @param out `struct itimerspec`: interval, then what is left */
function gettime(thread: Thread, fd: number, out: Uint8Array): number {
  const { timer } = timerOf(thread, fd);
  putTimespec(out, 0, timer.intervalNs);
  putTimespec(out, 16, timer.remainingNs);
  return 0;
}

/** @param setting `struct itimerspec`: interval, then when it expires first */
function settime(
  thread: Thread,
  fd: number,
  flags: number,
  setting: Uint8Array,
  old: Uint8Array | undefined,
): number {
  if ((flags & ~(TFD_TIMER.ABSTIME | TFD_TIMER.CANCEL_ON_SET)) !== 0) fail(E.EINVAL);
  const description = timerOf(thread, fd);
  const [intervalSeconds, intervalRest] = getTimespec(setting, 0);
  const [seconds, nanoseconds] = getTimespec(setting, 16);
  if (old !== undefined) gettime(thread, fd, old);
  const { counter } = description.timer;
  const deadline = (flags & TFD_TIMER.ABSTIME) !== 0
    ? counter.at(seconds, nanoseconds)
    : counter.nowNs() + seconds * NS_PER_SECOND + nanoseconds;
  const armed = seconds !== 0 || nanoseconds !== 0;
  const intervalNs = intervalSeconds * NS_PER_SECOND + intervalRest;
  description.arm(armed ? deadline : undefined, intervalNs);
  return 0;
}

/** @param fd of a signalfd that gets another set, or -1 for a new one */
function signalfd4(
  thread: Thread,
  fd: number,
  set: Uint8Array,
  setBytes: number,
  flags: number,
): number {
  if (setBytes !== SET_BYTES || (flags & ~(O.CLOEXEC | O.NONBLOCK)) !== 0) fail(E.EINVAL);
  const wanted = new DataView(set.buffer, set.byteOffset).getBigUint64(0, true) & ~UNMASKABLE;
  const { process } = thread;
  if (fd === NO_DESCRIPTOR) {
    const description = new SignalDescription(process, wanted, O.RDWR | flags & O.NONBLOCK);
    return process.addDescription(description, (flags & O.CLOEXEC) !== 0);
  }
  const description = process.description(fd);
  if (!(description instanceof SignalDescription)) return fail(E.EINVAL);
  description.wanted = wanted;
  process.signalEvents.wakeAll();
  return fd;
}

export const timerfdCalls: ThreadHandlers = {
  timerfd_create: create,
  timerfd_settime: settime,
  timerfd_gettime: gettime,
  signalfd4,
};
