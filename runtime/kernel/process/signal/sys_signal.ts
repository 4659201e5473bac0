// Calls about signals: what to do about them, which are blocked, sending and waiting (signal(7)).
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { ThreadHandlers } from "../handler.ts";
import type { Process } from "../process.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { putSignalInfo } from "./signal_info.ts";
import {
  bit,
  LAST_SIGNAL,
  SI,
  SIG,
  type SignalInfo,
  type SignalSet,
  UNMASKABLE,
} from "./signal.ts";
import { SS_DISABLE, type Thread } from "../thread.ts";

const SET_BYTES = 8;
const MINSIGSTKSZ = 2048n;
const ONSTACK = 1;
const AUTODISARM = 0x8000_0000;

function words(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function setIn(bytes: Uint8Array): SignalSet {
  return words(bytes).getBigUint64(0, true);
}

/** @param action `struct sigaction`: handler, flags, mask */
function rtSigaction(
  thread: Thread,
  signal: number,
  action: Uint8Array | undefined,
  old: Uint8Array | undefined,
  setBytes: number,
): number {
  if (setBytes !== SET_BYTES || !(signal >= 1 && signal <= LAST_SIGNAL)) fail(E.EINVAL);
  const { process } = thread;
  if (old !== undefined) {
    const { handler, flags, mask } = process.actions.get(signal);
    words(old).setBigUint64(0, BigInt(handler), true);
    words(old).setBigUint64(8, BigInt(flags), true);
    words(old).setBigUint64(16, mask, true);
  }
  if (action === undefined) return 0;
  if ((UNMASKABLE & bit(signal)) !== 0n) fail(E.EINVAL);
  process.actions.set(signal, {
    handler: Number(words(action).getBigUint64(0, true)),
    flags: words(action).getUint32(8, true),
    mask: words(action).getBigUint64(16, true) & ~UNMASKABLE,
  });
  if (process.actions.ignores(signal)) {
    process.pending.discard(bit(signal));
    for (const each of process.threads) each.pending.discard(bit(signal));
  }
  return 0;
}

function rtSigprocmask(
  thread: Thread,
  how: number,
  set: Uint8Array | undefined,
  old: Uint8Array | undefined,
  setBytes: number,
): number {
  if (setBytes !== SET_BYTES) fail(E.EINVAL);
  if (old !== undefined) words(old).setBigUint64(0, thread.mask, true);
  if (set === undefined) return 0;
  const change = setIn(set);
  if (how === 0) thread.mask |= change;
  else if (how === 1) thread.mask &= ~change;
  else if (how === 2) thread.mask = change;
  else fail(E.EINVAL);
  return 0;
}

function rtSigpending(thread: Thread, out: Uint8Array, setBytes: number): number {
  if (setBytes > SET_BYTES) fail(E.EINVAL);
  words(out).setBigUint64(0, thread.waiting & thread.mask, true);
  return 0;
}

/** The mask is put back when the handler that ends the wait returns. */
function* rtSigsuspend(thread: Thread, set: Uint8Array, setBytes: number): Coroutine<number> {
  if (setBytes !== SET_BYTES) fail(E.EINVAL);
  thread.savedMask = thread.mask;
  thread.mask = setIn(set);
  const never = new WaitQueue(true);
  for (;;) yield never;
}

function* rtSigtimedwait(
  thread: Thread,
  set: Uint8Array,
  out: Uint8Array | undefined,
  timeout: Uint8Array | undefined,
  setBytes: number,
): Coroutine<number> {
  if (setBytes !== SET_BYTES) fail(E.EINVAL);
  const { process } = thread;
  const { tasks, nowNs } = process.kernel.environment;
  const wanted = setIn(set) & ~UNMASKABLE;
  const deadline = timeout === undefined ? Infinity : nowNs() + durationNs(timeout);
  const cancel = deadline === Infinity ? undefined : tasks.wakeAt(deadline, process.signalEvents);
  try {
    for (;;) {
      const info = thread.pending.take(wanted) ?? process.pending.take(wanted);
      if (info !== undefined) {
        if (out !== undefined) putSignalInfo(info, out);
        return info.signal;
      }
      if (nowNs() >= deadline) fail(E.EAGAIN);
      yield process.signalEvents;
    }
  } finally {
    cancel?.();
  }
}

/** Nanoseconds of a `struct timespec`. @throws Errno EINVAL */
export function durationNs(timespec: Uint8Array): number {
  const view = words(timespec);
  const seconds = Number(view.getBigInt64(0, true));
  const nanoseconds = Number(view.getBigInt64(8, true));
  if (seconds < 0 || nanoseconds < 0 || nanoseconds >= 1e9) fail(E.EINVAL);
  return seconds * 1e9 + nanoseconds;
}

/** Whether a process may send another a signal. */
function maySignal(sender: Process, target: Process, signal: number): boolean {
  const { euid, ruid } = sender.identity;
  if (euid === 0 || sender === target) return true;
  if (signal === SIG.CONT && sender.session === target.session) return true;
  const { ruid: real, suid: saved } = target.identity;
  return [euid, ruid].some((id) => id === real || id === saved);
}

/** Sends a signal to processes. @throws Errno ESRCH, EPERM */
export function sendToAll(sender: Process, targets: Process[], info: SignalInfo): number {
  if (targets.length === 0) fail(E.ESRCH);
  const allowed = targets.filter((target) => maySignal(sender, target, info.signal));
  if (allowed.length === 0) fail(E.EPERM);
  if (info.signal !== 0) { for (const target of allowed) target.post(info); }
  return 0;
}

function inGroup(kernel: ProcessKernel, group: number): Process[] {
  return [...kernel.all].filter((process) => process.group === group && process !== kernel.init);
}

/** Sends a signal to a process group, as the terminal does. */
export function signalGroup(kernel: ProcessKernel, group: number, info: SignalInfo): void {
  for (const process of inGroup(kernel, group)) process.post(info);
}

export function checkSignal(signal: number): void {
  if (!(signal >= 0 && signal <= LAST_SIGNAL)) fail(E.EINVAL);
}

function kill(thread: Thread, pid: number, signal: number): number {
  checkSignal(signal);
  const { process } = thread;
  const { kernel } = process;
  const info = process.sender(signal);
  if (pid > 0) {
    // The number of a thread stands for its process.
    const target = kernel.process(pid) ?? kernel.thread(pid)?.process;
    return sendToAll(process, target === undefined ? [] : [target], info);
  }
  if (pid === 0) return sendToAll(process, inGroup(kernel, process.group), info);
  if (pid !== -1) return sendToAll(process, inGroup(kernel, -pid), info);
  const others = [...kernel.all].filter((each) => each !== process && each !== kernel.init);
  return sendToAll(process, others, info);
}

function sendToThread(thread: Thread, group: number | undefined, tid: number, info: SignalInfo) {
  checkSignal(info.signal);
  if (!(tid > 0) || group !== undefined && !(group > 0)) fail(E.EINVAL);
  const target = thread.process.kernel.thread(tid);
  if (target === undefined) {
    // A process that has ended but was not waited for can still be named.
    const zombie = thread.process.kernel.process(tid);
    return zombie !== undefined && (group ?? tid) === tid ? 0 : fail(E.ESRCH);
  }
  if (group !== undefined && target.process.pid !== group) fail(E.ESRCH);
  if (!maySignal(thread.process, target.process, info.signal)) fail(E.EPERM);
  if (info.signal !== 0) target.post(info);
  return 0;
}

/** What the sender of a queued signal says; it may not pretend to be the kernel, or kill(2). */
export function queuedInfo(thread: Thread, signal: number, bytes: Uint8Array, toOther: boolean) {
  const view = words(bytes);
  const code = view.getInt32(8, true);
  if ((code >= 0 || code === SI.TKILL) && toOther) fail(E.EPERM);
  const value = view.getBigUint64(24, true);
  return { ...thread.process.sender(signal, code), value };
}

function sigaltstack(
  thread: Thread,
  stack: Uint8Array | undefined,
  old: Uint8Array | undefined,
): number {
  const current = thread.alternateStack;
  const on = thread.onAlternateStack;
  if (old !== undefined) {
    words(old).setBigUint64(0, current.base, true);
    words(old).setUint32(8, current.size === 0n ? SS_DISABLE : on ? ONSTACK : 0, true);
    words(old).setBigUint64(16, current.size, true);
  }
  if (stack === undefined) return 0;
  if (on) fail(E.EPERM);
  const flags = words(stack).getUint32(8, true);
  const mode = flags & ~AUTODISARM;
  if (mode === SS_DISABLE) thread.alternateStack = { base: 0n, flags: SS_DISABLE, size: 0n };
  else {
    if (mode !== 0 && mode !== ONSTACK) fail(E.EINVAL);
    const base = words(stack).getBigUint64(0, true), size = words(stack).getBigUint64(16, true);
    if (size < MINSIGSTKSZ) fail(E.ENOMEM);
    thread.alternateStack = { base, flags, size };
  }
  return 0;
}

export const signalCalls: ThreadHandlers = {
  rt_sigaction: rtSigaction,
  rt_sigprocmask: rtSigprocmask,
  rt_sigpending: rtSigpending,
  rt_sigsuspend: rtSigsuspend,
  rt_sigtimedwait: rtSigtimedwait,
  kill,
  tkill: (thread: Thread, tid: number, signal: number) =>
    sendToThread(thread, undefined, tid, thread.process.sender(signal, SI.TKILL)),
  tgkill: (thread: Thread, group: number, tid: number, signal: number) =>
    sendToThread(thread, group, tid, thread.process.sender(signal, SI.TKILL)),
  rt_sigqueueinfo: (thread: Thread, pid: number, signal: number, bytes: Uint8Array) => {
    checkSignal(signal);
    const target = thread.process.kernel.process(pid) ?? fail(E.ESRCH);
    const info = queuedInfo(thread, signal, bytes, target !== thread.process);
    return sendToAll(thread.process, [target], info);
  },
  rt_tgsigqueueinfo: (
    thread: Thread,
    group: number,
    tid: number,
    signal: number,
    bytes: Uint8Array,
  ) =>
    sendToThread(
      thread,
      group,
      tid,
      queuedInfo(thread, signal, bytes, group !== thread.process.pid),
    ),
  // What a signal has interrupted is begun anew by the kernel itself: there is nothing to go on with.
  restart_syscall: () => fail(E.EINTR),
  sigaltstack,
};
