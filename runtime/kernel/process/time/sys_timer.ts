// Calls about timers that send signals: setitimer(2), timer_create(2) and their families.
import { E, fail } from "../../errno.ts";
import { getTimespec, NS_PER_SECOND, putTimespec } from "./clock.ts";
import type { ThreadHandlers } from "../handler.ts";
import { getInt, getLong, putInt, putLong } from "../little_endian.ts";
import type { Notification } from "./process_timers.ts";
import { LAST_SIGNAL, SIG } from "../signal/signal.ts";
import type { Thread } from "../thread.ts";
import { timerfdCalls } from "./sys_timerfd.ts";
import type { Timer } from "./timer.ts";

const TIMER_ABSTIME = 1;
/** `sigev_notify` */
const SIGEV = { SIGNAL: 0, NONE: 1, THREAD: 2, THREAD_ID: 4 } as const;
/** `struct sigevent`: where its fields are. */
const Event = { VALUE: 0, SIGNAL: 8, NOTIFY: 12, THREAD: 16 } as const;

/** Nanoseconds of a `struct timeval`. @throws Errno EINVAL */
function getTimeval(bytes: Uint8Array, at: number): number {
  const seconds = getLong(bytes, at), microseconds = getLong(bytes, at + 8);
  if (seconds < 0 || microseconds < 0 || microseconds >= 1e6) fail(E.EINVAL);
  return seconds * NS_PER_SECOND + microseconds * 1000;
}

/** What is left is rounded up: a timer that is armed never shows zero. */
function putTimeval(bytes: Uint8Array, at: number, ns: number): void {
  const microseconds = Math.ceil(ns / 1000);
  const seconds = Math.floor(microseconds / 1e6);
  putLong(bytes, at, seconds);
  putLong(bytes, at + 8, microseconds - seconds * 1e6);
}

/** @param out `struct itimerval`: interval, then what is left */
function getitimer(thread: Thread, which: number, out: Uint8Array): number {
  const timer = thread.process.timers.interval(which);
  putTimeval(out, 0, timer.intervalNs);
  putTimeval(out, 16, timer.remainingNs);
  return 0;
}

function setitimer(
  thread: Thread,
  which: number,
  setting: Uint8Array | undefined,
  old: Uint8Array | undefined,
): number {
  const timer = thread.process.timers.interval(which);
  const intervalNs = setting === undefined ? 0 : getTimeval(setting, 0);
  const valueNs = setting === undefined ? 0 : getTimeval(setting, 16);
  if (old !== undefined) getitimer(thread, which, old);
  if (valueNs === 0) timer.disarm();
  else timer.arm(timer.counter.nowNs() + valueNs, intervalNs);
  return 0;
}

/** @throws Errno EINVAL for what is no notification */
function notification(thread: Thread, event: Uint8Array | undefined): Notification {
  if (event === undefined) return { signal: SIG.ALRM, value: undefined, thread: undefined };
  const notify = getInt(event, Event.NOTIFY), signal = getInt(event, Event.SIGNAL);
  if (notify === SIGEV.NONE) return { signal: 0, value: undefined, thread: undefined };
  const toThread = notify === SIGEV.THREAD_ID;
  if (!toThread && notify !== SIGEV.SIGNAL && notify !== SIGEV.THREAD) fail(E.EINVAL);
  if (!(signal >= 1 && signal <= LAST_SIGNAL)) fail(E.EINVAL);
  const target = toThread
    ? thread.process.kernel.thread(getInt(event, Event.THREAD)) ?? fail(E.EINVAL)
    : undefined;
  if (target !== undefined && target.process !== thread.process) fail(E.EINVAL);
  const view = new DataView(event.buffer, event.byteOffset, event.length);
  return { signal, value: view.getBigUint64(Event.VALUE, true), thread: target };
}

/** @param event `struct sigevent`, 64 bytes; without it SIGALRM is sent @param out the timer's number */
function timerCreate(
  thread: Thread,
  clock: number,
  event: Uint8Array | undefined,
  out: Uint8Array,
): number {
  const counter = thread.process.kernel.clocks.counter(thread, clock);
  putInt(out, 0, thread.process.timers.create(counter, notification(thread, event)));
  return 0;
}

function putSetting(timer: Timer, out: Uint8Array): void {
  putTimespec(out, 0, timer.intervalNs);
  putTimespec(out, 16, timer.remainingNs);
}

/** @param setting `struct itimerspec`: interval, then when it expires first */
function timerSettime(
  thread: Thread,
  id: number,
  flags: number,
  setting: Uint8Array | undefined,
  old: Uint8Array | undefined,
): number {
  if (setting === undefined) return fail(E.EINVAL);
  const [intervalSeconds, intervalRest] = getTimespec(setting, 0);
  const [seconds, nanoseconds] = getTimespec(setting, 16);
  const { timer } = thread.process.timers.get(id);
  if (old !== undefined) putSetting(timer, old);
  if (seconds === 0 && nanoseconds === 0) timer.disarm();
  else {
    const { counter } = timer;
    const deadline = (flags & TIMER_ABSTIME) !== 0
      ? counter.at(seconds, nanoseconds)
      : counter.nowNs() + seconds * NS_PER_SECOND + nanoseconds;
    timer.arm(deadline, intervalSeconds * NS_PER_SECOND + intervalRest);
  }
  return 0;
}

export const timerCalls: ThreadHandlers = {
  ...timerfdCalls,
  getitimer,
  setitimer,
  timer_create: timerCreate,
  timer_settime: timerSettime,
  timer_gettime: (thread: Thread, id: number, out: Uint8Array) => {
    putSetting(thread.process.timers.get(id).timer, out);
    return 0;
  },
  timer_getoverrun: (thread: Thread, id: number) => thread.process.timers.get(id).overrun,
  timer_delete: (thread: Thread, id: number) => {
    thread.process.timers.delete(id);
    return 0;
  },
};
