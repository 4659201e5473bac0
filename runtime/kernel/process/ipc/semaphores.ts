// System V semaphores (semget(2), semop(2), semctl(2)): sets whose values change together or not at all.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Handlers } from "../handler.ts";
import { putInt, putLong } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { durationNs } from "../signal/sys_signal.ts";
import {
  demandAccess,
  IPC,
  type Owned,
  Permission,
  PERMISSION_BYTES,
  putOwned,
  secondsOf,
  setOwned,
} from "./ipc_table.ts";

const SEM = {
  UNDO: 0o10000,
  GETPID: 11,
  GETVAL: 12,
  GETALL: 13,
  GETNCNT: 14,
  GETZCNT: 15,
  SETVAL: 16,
  SETALL: 17,
  STAT: 18,
  INFO: 19,
  STAT_ANY: 20,
} as const;
const MAX_VALUE = 32767;
/** As /proc/sys/kernel/sem has them, but that a set has no more than a copy of its values takes one page. */
export const MOST_SEMAPHORES = 2048;
export const MOST_OPERATIONS = 500;
export const MOST_SETS = 32000;
const OPERATION_BYTES = 6;

interface Semaphore {
  value: number;
  /** who changed it last */
  pid: number;
  /** how many wait for it to rise, and to be 0 */
  waitRise: number;
  waitZero: number;
}

interface Operation {
  semaphore: Semaphore;
  number: number;
  change: number;
  flags: number;
}

export class SemaphoreSet {
  readonly semaphores: Semaphore[];
  /** woken when a value has changed, and when it is removed */
  readonly changed = new WaitQueue(true);
  removed = false;
  operatedSeconds = 0;
  changedSeconds = 0;
  /** what is added to values when a process ends */
  readonly undo = new Map<Process, Int32Array>();

  constructor(readonly owned: Owned, count: number) {
    this.semaphores = Array.from(
      { length: count },
      () => ({ value: 0, pid: 0, waitRise: 0, waitZero: 0 }),
    );
  }

  at(number: number): Semaphore {
    return this.semaphores[number] ?? fail(E.EINVAL);
  }

  /** A process ends: what it is to take back is taken back. */
  takeBack(process: Process): void {
    const changes = this.undo.get(process);
    if (changes === undefined) return;
    this.undo.delete(process);
    changes.forEach((change, number) => {
      if (change === 0) return;
      const semaphore = this.semaphores[number];
      semaphore.value = Math.min(MAX_VALUE, Math.max(0, semaphore.value + change));
      semaphore.pid = process.pid;
    });
    this.changed.wakeAll();
  }
}

function semget(process: Process, key: number, count: number, flags: number): number {
  if (!(count >= 0 && count <= MOST_SEMAPHORES)) fail(E.EINVAL);
  const isLargeEnough = (set: SemaphoreSet) => {
    if (count > set.semaphores.length) fail(E.EINVAL);
  };
  return process.kernel.ipc.semaphores.open(process, key, flags, isLargeEnough, (owned) => {
    if (count === 0) fail(E.EINVAL);
    const set = new SemaphoreSet(owned, count);
    set.changedSeconds = secondsOf(process);
    return set;
  });
}

/** Carries out operations if all of them can be. @returns the one that cannot be now @throws Errno ERANGE */
function tryAll(operations: Operation[]): Operation | undefined {
  let done = 0, blocked: Operation | undefined;
  for (; done < operations.length; done++) {
    const operation = operations[done], { semaphore, change } = operation;
    const value = semaphore.value + change;
    if (change === 0 ? semaphore.value !== 0 : value < 0) {
      blocked = operation;
      break;
    }
    if (value > MAX_VALUE) break;
    semaphore.value = value;
  }
  if (done === operations.length) return undefined;
  for (const { semaphore, change } of operations.slice(0, done)) semaphore.value -= change;
  return blocked ?? fail(E.ERANGE);
}

/** @param bytes `struct sembuf`s @param timeout `struct timespec` */
function* semtimedop(
  process: Process,
  id: number,
  bytes: Uint8Array,
  count: number,
  timeout?: Uint8Array,
): Coroutine<number> {
  if (count === 0) fail(E.EINVAL);
  if (count > MOST_OPERATIONS) fail(E.E2BIG);
  const { environment, ipc } = process.kernel;
  const set = ipc.semaphores.find(id);
  const operations = operationsOf(set, bytes.subarray(0, count * OPERATION_BYTES));
  const changes = operations.some(({ change }) => change !== 0);
  demandAccess(process, set.owned, changes ? Permission.WRITE : Permission.READ);
  const deadlineNs = timeout === undefined ? Infinity : environment.nowNs() + durationNs(timeout);
  for (;;) {
    if (set.removed) fail(E.EIDRM);
    const blocked = tryAll(operations);
    if (blocked === undefined) break;
    if ((blocked.flags & IPC.NOWAIT) !== 0 || environment.nowNs() >= deadlineNs) fail(E.EAGAIN);
    const counter = blocked.change === 0 ? "waitZero" : "waitRise";
    const late = deadlineNs === Infinity
      ? () => {}
      : environment.tasks.wakeAt(deadlineNs, set.changed);
    blocked.semaphore[counter]++;
    try {
      yield set.changed;
    } finally {
      late();
      blocked.semaphore[counter]--;
    }
  }
  for (const { semaphore, number, change, flags } of operations) {
    semaphore.pid = process.pid;
    if ((flags & SEM.UNDO) === 0 || change === 0) continue;
    let undo = set.undo.get(process);
    if (undo === undefined) set.undo.set(process, undo = new Int32Array(set.semaphores.length));
    undo[number] -= change;
  }
  set.operatedSeconds = secondsOf(process);
  if (changes) set.changed.wakeAll();
  return 0;
}

/** @throws Errno EFBIG for a semaphore that the set does not have */
function operationsOf(set: SemaphoreSet, bytes: Uint8Array): Operation[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const operations: Operation[] = [];
  for (let at = 0; at < bytes.length; at += OPERATION_BYTES) {
    const number = view.getUint16(at, true);
    operations.push({
      semaphore: set.semaphores[number] ?? fail(E.EFBIG),
      number,
      change: view.getInt16(at + 2, true),
      flags: view.getInt16(at + 4, true),
    });
  }
  return operations;
}

/** What semctl(2) has as its fourth argument: a number, or bytes at an address. */
export interface SemaphoreArgument {
  number: number;
  bytes: Uint8Array;
  /** bytes that the call has filled in */
  filled: number;
}

/** Most bytes that a command of semctl(2) reads, and writes; 0 where it has a number. */
export function semaphoreArgumentBytes(command: number): { in: number; out: number } {
  const values = MOST_SEMAPHORES * 2;
  switch (command) {
    case SEM.GETALL:
      return { in: 0, out: values };
    case SEM.SETALL:
      return { in: values, out: 0 };
    case IPC.SET:
      return { in: SET_BYTES, out: 0 };
    case IPC.STAT:
    case IPC.INFO:
    case SEM.STAT:
    case SEM.INFO:
    case SEM.STAT_ANY:
      return { in: 0, out: SET_BYTES };
    default:
      return { in: 0, out: 0 };
  }
}

/** `struct semid64_ds` */
const SET_BYTES = PERMISSION_BYTES + 40;
/** `struct seminfo` */
const INFO_BYTES = 40;

function semctl(
  process: Process,
  id: number,
  number: number,
  command: number,
  argument: SemaphoreArgument,
): number {
  const { semaphores } = process.kernel.ipc;
  if (command === IPC.INFO || command === SEM.INFO) {
    let used = 0;
    for (const set of semaphores.all) used += set.semaphores.length;
    const isUsed = command === SEM.INFO;
    const most = MOST_SETS * MOST_SEMAPHORES;
    [
      most,
      MOST_SETS,
      most,
      most,
      MOST_SEMAPHORES,
      MOST_OPERATIONS,
      MOST_OPERATIONS,
      isUsed ? semaphores.size : 0,
      MAX_VALUE,
      isUsed ? used : MAX_VALUE,
    ].forEach((value, index) => putInt(argument.bytes, index * 4, value));
    argument.filled = INFO_BYTES;
    return semaphores.highest;
  }
  const told = semaphores.asked(process, id, command, SEM, (set) => putSet(argument, set));
  if (told !== undefined) return told;
  switch (command) {
    case IPC.RMID: {
      const set = semaphores.findOwned(process, id);
      set.removed = true;
      semaphores.delete(set);
      set.changed.wakeAll();
      return 0;
    }
    case IPC.SET:
      if (argument.bytes.length < SET_BYTES) fail(E.EFAULT);
      setOwned(process, semaphores.findOwned(process, id), argument.bytes);
      return 0;
  }
  const set = semaphores.find(id);
  const sets = command === SEM.SETVAL || command === SEM.SETALL;
  demandAccess(process, set.owned, sets ? Permission.WRITE : Permission.READ);
  switch (command) {
    case SEM.SETVAL:
    case SEM.SETALL:
      setValues(process, set, command === SEM.SETALL ? undefined : number, argument);
      return 0;
    case SEM.GETALL: {
      const view = new DataView(argument.bytes.buffer, argument.bytes.byteOffset);
      set.semaphores.forEach(({ value }, index) => view.setUint16(index * 2, value, true));
      argument.filled = set.semaphores.length * 2;
      return 0;
    }
    case SEM.GETVAL:
      return set.at(number).value;
    case SEM.GETPID:
      return set.at(number).pid;
    case SEM.GETNCNT:
      return set.at(number).waitRise;
    case SEM.GETZCNT:
      return set.at(number).waitZero;
    default:
      return fail(E.EINVAL);
  }
}

/** Fills a `struct semid64_ds`. */
function putSet(argument: SemaphoreArgument, set: SemaphoreSet): void {
  putOwned(argument.bytes, set.owned);
  [set.operatedSeconds, set.changedSeconds, set.semaphores.length].forEach((value, index) =>
    putLong(argument.bytes, PERMISSION_BYTES + index * 8, value)
  );
  argument.filled = SET_BYTES;
}

/** Sets the value of one semaphore, or of all; nobody takes back what he did to it. */
function setValues(
  process: Process,
  set: SemaphoreSet,
  only: number | undefined,
  { number, bytes }: SemaphoreArgument,
): void {
  const chosen = only === undefined ? [...set.semaphores.keys()] : [only];
  if (only !== undefined) set.at(only);
  if (only === undefined && bytes.length < chosen.length * 2) fail(E.EFAULT);
  const values = only === undefined
    ? chosen.map((index) => bytes[index * 2] | bytes[index * 2 + 1] << 8)
    : [number];
  if (values.some((value) => !(value >= 0 && value <= MAX_VALUE))) fail(E.ERANGE);
  chosen.forEach((index, at) => {
    Object.assign(set.semaphores[index], { value: values[at], pid: process.pid });
    for (const undo of set.undo.values()) undo[index] = 0;
  });
  set.changedSeconds = secondsOf(process);
  set.changed.wakeAll();
}

export const semaphoreCalls: Handlers = {
  semget,
  semctl,
  semtimedop,
  semop: (process, id: number, bytes: Uint8Array, count: number) =>
    semtimedop(process, id, bytes, count),
};
