// Signals that tell of readiness: F_SETOWN, F_SETSIG and O_ASYNC of fcntl(2). They are sent whenever the
// readiness of an open file description may have changed, as often as that is.
import { E, fail } from "../../errno.ts";
import type { Description } from "./description.ts";
import type { Process } from "../process.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { LAST_SIGNAL, SI, SIG } from "../signal/signal.ts";
import { signalGroup } from "../signal/sys_signal.ts";

/** Set in the flags of a description whose owner is told (O_ASYNC). */
export const ASYNC = 0o20000;

interface Told {
  /** a process, a negative process group, or 0 for nobody */
  owner: number;
  /** 0 stands for SIGIO */
  signal: number;
  /** ends the watching */
  unwatch?: () => void;
}

const told = new WeakMap<Description, Told>();

function toldOf(description: Description): Told {
  let found = told.get(description);
  if (found === undefined) told.set(description, found = { owner: 0, signal: 0 });
  return found;
}

/** F_GETOWN */
export function ownerOf(description: Description): number {
  return told.get(description)?.owner ?? 0;
}

/** F_SETOWN. @throws Errno ESRCH */
export function setOwner(process: Process, description: Description, owner: number): number {
  if (owner > 0 && process.kernel.process(owner) === undefined) fail(E.ESRCH);
  toldOf(description).owner = owner;
  return 0;
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
  const { owner } = settings;
  if (owner > 0) kernel.process(owner)?.post(info);
  else if (owner < 0) signalGroup(kernel, -owner, info);
}
