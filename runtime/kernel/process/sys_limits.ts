// What a process may use, and what it has used: getrlimit(2), getrusage(2), times(2).
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import { E, fail } from "../errno.ts";
import { MOST_DESCRIPTORS } from "./file/descriptor_table.ts";
import type { Handlers, ThreadHandlers } from "./handler.ts";
import { type Limit, RLIMIT } from "./limits.ts";
import { getInt, getLong, putInt, putLong } from "./little_endian.ts";
import type { Process } from "./process.ts";
import { privileged } from "./sys_identity.ts";
import { processOf } from "./sys_session.ts";
import { putUsage } from "./sys_wait.ts";
import type { Thread } from "./thread.ts";

const RUSAGE = { SELF: 0, CHILDREN: -1, THREAD: 1 } as const;
/** `ru_maxrss` in `struct rusage`, KiB. */
const MAXRSS = 32;
/** Ticks of times(2), and what it measures in. */
const TICK_NS = 1e7;

/** A limit of a structure: all ones are infinity. */
function getLimit(bytes: Uint8Array, at: number): number {
  if (getInt(bytes, at) === -1 && getInt(bytes, at + 4) === -1) return Infinity;
  const value = getLong(bytes, at);
  return value < 0 ? value + 2 ** 64 : value;
}

function putLimit(bytes: Uint8Array, at: number, value: number): void {
  if (value < 2 ** 53) return putLong(bytes, at, value);
  putInt(bytes, at, -1);
  putInt(bytes, at + 4, -1);
}

/** @throws Errno EINVAL, EPERM unless the process may have the limit */
function demandLimit(process: Process, resource: number, current: Limit, wanted: Limit): void {
  if (wanted.soft > wanted.hard) fail(E.EINVAL);
  if (resource === RLIMIT.NOFILE && wanted.hard > MOST_DESCRIPTORS) fail(E.EPERM);
  if (wanted.hard > current.hard && !privileged(process)) fail(E.EPERM);
}

function prlimit(
  process: Process,
  pid: number,
  resource: number,
  wanted: Uint8Array | undefined,
  old: Uint8Array | undefined,
): number {
  const target = processOf(process, pid);
  const { ruid, rgid } = process.identity;
  const { identity } = target;
  const same = [identity.ruid, identity.euid, identity.suid].every((id) => id === ruid) &&
    [identity.rgid, identity.egid, identity.sgid].every((id) => id === rgid);
  if (target !== process && !same && !privileged(process)) fail(E.EPERM);
  const current = target.limits[resource] ?? fail(E.EINVAL);
  if (wanted !== undefined) {
    const limit = { soft: getLimit(wanted, 0), hard: getLimit(wanted, 8) };
    demandLimit(process, resource, current, limit);
    target.limits[resource] = limit;
    if (resource === RLIMIT.CPU) target.timers.limitProcessorTime();
  }
  if (old !== undefined) {
    putLimit(old, 0, current.soft);
    putLimit(old, 8, current.hard);
  }
  return 0;
}

function getrusage(thread: Thread, who: number, out: Uint8Array): number {
  const { process } = thread;
  const { memory } = process;
  if (who === RUSAGE.SELF) putUsage(out, ...ownTimes(process));
  else if (who === RUSAGE.THREAD) putUsage(out, thread.userNs, thread.systemNs);
  else if (who === RUSAGE.CHILDREN) {
    putUsage(out, process.childrenUserNs, process.childrenSystemNs);
    return 0;
  } else return fail(E.EINVAL);
  putLong(out, MAXRSS, (memory?.residentPages ?? 0) * (PAGE_BYTES / 1024));
  return 0;
}

/** Nanoseconds that the threads of a process ran, as user and inside the kernel. */
export function ownTimes(process: Process): [userNs: number, systemNs: number] {
  let { userNs, systemNs } = process;
  for (const thread of process.threads) {
    userNs += thread.userNs;
    systemNs += thread.systemNs;
  }
  return [userNs, systemNs];
}

/** @param out `struct tms`: user and system time, then those of children, in ticks */
function times(process: Process, out: Uint8Array | undefined): number {
  const { childrenUserNs, childrenSystemNs, kernel } = process;
  if (out !== undefined) {
    [...ownTimes(process), childrenUserNs, childrenSystemNs].forEach((ns, index) =>
      putLong(out, index * 8, Math.floor(ns / TICK_NS))
    );
  }
  return Math.floor(kernel.environment.nowNs() / TICK_NS);
}

export const limitCalls: Handlers = {
  prlimit64: prlimit,
  getrlimit: (process: Process, resource: number, out: Uint8Array) =>
    prlimit(process, 0, resource, undefined, out),
  setrlimit: (process: Process, resource: number, limit: Uint8Array) =>
    prlimit(process, 0, resource, limit, undefined),
  times,
};

export const threadLimitCalls: ThreadHandlers = { getrusage };
