// Signals that tell of readiness: F_SETOWN, F_SETOWN_EX, F_SETSIG and O_ASYNC of fcntl(2). They are sent whenever the
// readiness of an open file description may have changed, as often as that is.
import { E, fail } from "../../errno.ts";
import { getInt, putInt } from "../little_endian.ts";
import type { Description } from "./description.ts";
import type { Process } from "../process.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { LAST_SIGNAL, SI, SIG } from "../signal/signal.ts";
import { signalGroup } from "../signal/sys_signal.ts";

/** Set in the flags of a description whose owner is told (O_ASYNC). */
export const ASYNC = 0o20000;

/** Of what the owner in a `struct f_owner_ex` is the number. */
const OWNER = { THREAD: 0, PROCESS: 1, GROUP: 2 } as const;

interface Told {
  /** a process, a negative process group, or 0 for nobody */
  owner: number;
  /** the owner is a thread: nobody else of its process is told */
  isThread: boolean;
  /** 0 stands for SIGIO */
  signal: number;
  /** ends the watching */
  unwatch?: () => void;
}

const told = new WeakMap<Description, Told>();

function toldOf(description: Description): Told {
  let found = told.get(description);
  if (found === undefined) told.set(description, found = { owner: 0, isThread: false, signal: 0 });
  return found;
}

/** F_GETOWN */
export function ownerOf(description: Description): number {
  return told.get(description)?.owner ?? 0;
}

/** F_SETOWN. @throws Errno ESRCH */
export function setOwner(process: Process, description: Description, owner: number): number {
  if (owner > 0 && process.kernel.process(owner) === undefined) fail(E.ESRCH);
  Object.assign(toldOf(description), { owner, isThread: false });
  return 0;
}

/** F_GETOWN_EX. @param out `struct f_owner_ex` */
export function putOwner(description: Description, out: Uint8Array): number {
  const { owner, isThread } = toldOf(description);
  putInt(out, 0, isThread ? OWNER.THREAD : owner < 0 ? OWNER.GROUP : OWNER.PROCESS);
  putInt(out, 4, Math.abs(owner));
  return 0;
}

/** F_SETOWN_EX. @param from `struct f_owner_ex` @throws Errno EINVAL, ESRCH */
export function takeOwner(process: Process, description: Description, from: Uint8Array): number {
  const { kernel } = process;
  const kind = getInt(from, 0), owner = getInt(from, 4);
  switch (kind) {
    case OWNER.THREAD:
      if (owner !== 0 && kernel.thread(owner) === undefined) fail(E.ESRCH);
      Object.assign(toldOf(description), { owner, isThread: true });
      return 0;
    case OWNER.PROCESS:
    case OWNER.GROUP:
      if (owner < 0) fail(E.ESRCH);
      return setOwner(process, description, kind === OWNER.GROUP ? -owner : owner);
    default:
      return fail(E.EINVAL);
  }
}

/** F_GETSIG */
export function signalOf(description: Description): number {
  return told.get(description)?.signal ?? 0;
}

/** F_SETSIG. @throws Errno EINVAL */
export function setSignal(description: Description, signal: number): number {
  if (!(signal >= 0 && signal <= LAST_SIGNAL)) fail(E.EINVAL);
  toldOf(description).signal = signal;
  return 0;
}

/** Sets or clears O_ASYNC, as F_SETFL and FIOASYNC do. */
export function setAsync(process: Process, description: Description, on: boolean): void {
  if (on === ((description.flags & ASYNC) !== 0)) return;
  description.flags ^= ASYNC;
  const settings = toldOf(description);
  settings.unwatch?.();
  const { kernel } = process;
  settings.unwatch = on
    ? description.readiness.watch(() => tell(kernel, description, settings))
    : undefined;
}

function tell(kernel: ProcessKernel, description: Description, settings: Told): void {
  if (description.uses === 0) return settings.unwatch?.();
  const info = { signal: settings.signal || SIG.IO, code: SI.KERNEL };
  const { owner, isThread } = settings;
  if (isThread) kernel.thread(owner)?.post(info);
  else if (owner > 0) kernel.process(owner)?.post(info);
  else if (owner < 0) signalGroup(kernel, -owner, info);
}
