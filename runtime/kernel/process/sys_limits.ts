// What a process may use and has used: limits, times, scheduling, and facts about the machine.
import { E, fail } from "../errno.ts";
import type { Handlers, ThreadHandlers } from "./handler.ts";
import type { Process } from "./process.ts";
import { maySignal } from "./sys_signal.ts";
import { putUsage } from "./sys_wait.ts";
import type { Thread } from "./thread.ts";
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";

const INFINITE = 0xffff_ffff_ffff_ffffn;
const CLOCK_TICKS = 100;
const RUSAGE = { SELF: 0, CHILDREN: -1, THREAD: 1 } as const;
const PR = {
  SET_PDEATHSIG: 1,
  GET_PDEATHSIG: 2,
  GET_DUMPABLE: 3,
  SET_DUMPABLE: 4,
  GET_KEEPCAPS: 7,
  SET_KEEPCAPS: 8,
  SET_NAME: 15,
  GET_NAME: 16,
  CAPBSET_READ: 23,
  GET_TIMERSLACK: 30,
  SET_TIMERSLACK: 29,
  SET_CHILD_SUBREAPER: 36,
  SET_NO_NEW_PRIVS: 38,
  GET_NO_NEW_PRIVS: 39,
} as const;
const COMM_BYTES = 16;
const LAST_CAPABILITY = 40;

function words(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function prlimit(
  process: Process,
  pid: number,
  resource: number,
  limit: Uint8Array | undefined,
  old: Uint8Array | undefined,
): number {
  const target = pid === 0 ? process : process.kernel.process(pid) ?? fail(E.ESRCH);
  if (!maySignal(process, target, 0)) fail(E.EPERM);
  const current = target.limits[resource] ?? fail(E.EINVAL);
  if (old !== undefined) {
    const put = (at: number, value: number) =>
      words(old).setBigUint64(at, value === Infinity ? INFINITE : BigInt(value), true);
    put(0, current.soft);
    put(8, current.hard);
  }
  if (limit === undefined) return 0;
  const get = (at: number) => {
    const value = words(limit).getBigUint64(at, true);
    return value === INFINITE ? Infinity : Number(value);
  };
  const soft = get(0), hard = get(8);
  if (soft > hard) fail(E.EINVAL);
  if (hard > current.hard && process.identity.euid !== 0) fail(E.EPERM);
  target.limits[resource] = { soft, hard };
  return 0;
}

function getrusage(thread: Thread, who: number, out: Uint8Array): number {
  const { process } = thread;
  if (who === RUSAGE.SELF) putUsage(out, process.cpuNs - process.systemNs, process.systemNs);
  else if (who === RUSAGE.THREAD) putUsage(out, thread.userNs, thread.systemNs);
  else if (who === RUSAGE.CHILDREN) {
    putUsage(out, process.childrenUserNs, process.childrenSystemNs);
  } else fail(E.EINVAL);
  if (who === RUSAGE.SELF && process.memory !== undefined) {
    words(out).setBigInt64(32, BigInt(process.memory.residentPages * (PAGE_BYTES / 1024)), true);
  }
  return 0;
}

function times(process: Process, out: Uint8Array | undefined): number {
  const ticks = (ns: number) => Math.floor(ns / (1e9 / CLOCK_TICKS));
  if (out !== undefined) {
    [
      process.cpuNs - process.systemNs,
      process.systemNs,
      process.childrenUserNs,
      process.childrenSystemNs,
    ].forEach((ns, index) => words(out).setBigInt64(index * 8, BigInt(ticks(ns)), true));
  }
  return ticks(process.kernel.environment.nowNs());
}

/** `struct sysinfo`, 112 bytes */
function sysinfo(process: Process, out: Uint8Array): number {
  out.fill(0);
  const view = words(out);
  const { kernel } = process;
  const frames = kernel.memory?.frames;
  view.setBigInt64(0, BigInt(Math.floor(kernel.environment.nowNs() / 1e9)), true);
  view.setBigUint64(32, BigInt((frames?.total ?? 0) * PAGE_BYTES), true);
  view.setBigUint64(40, BigInt((frames?.available ?? 0) * PAGE_BYTES), true);
  view.setUint16(80, [...kernel.all].length, true);
  view.setUint32(104, 1, true);
  return 0;
}

/** One hart: the mask has its bit, and as many bytes as a word of the kernel. */
function schedGetaffinity(process: Process, pid: number, size: number, out: Uint8Array): number {
  if (pid !== 0 && process.kernel.thread(pid) === undefined) fail(E.ESRCH);
  if (size < 8 || size % 8 !== 0) fail(E.EINVAL);
  out.fill(0);
  out[0] = 1;
  return 8;
}

function setName(thread: Thread, bytes: Uint8Array): void {
  const end = bytes.indexOf(0);
  thread.name = String.fromCharCode(
    ...bytes.subarray(0, end < 0 ? COMM_BYTES - 1 : Math.min(end, COMM_BYTES - 1)),
  );
  if (thread.tid === thread.process.pid) thread.process.name = thread.name;
}

/** @param argument what the option makes of the second argument: a number, or 16 bytes of a name */
function prctl(thread: Thread, option: number, argument: number | Uint8Array): number {
  switch (option) {
    case PR.SET_NAME:
      setName(thread, argument as Uint8Array);
      return 0;
    case PR.GET_NAME: {
      const out = argument as Uint8Array;
      out.fill(0);
      for (let index = 0; index < thread.name.length && index < COMM_BYTES - 1; index++) {
        out[index] = thread.name.charCodeAt(index);
      }
      return 0;
    }
    case PR.GET_DUMPABLE:
      return 1;
    case PR.GET_KEEPCAPS:
    case PR.GET_NO_NEW_PRIVS:
      return 0;
    case PR.CAPBSET_READ:
      return (argument as number) <= LAST_CAPABILITY ? 1 : fail(E.EINVAL);
    case PR.GET_TIMERSLACK:
      return 50_000;
    // Nothing here depends on them.
    case PR.SET_PDEATHSIG:
    case PR.SET_DUMPABLE:
    case PR.SET_KEEPCAPS:
    case PR.SET_TIMERSLACK:
    case PR.SET_CHILD_SUBREAPER:
    case PR.SET_NO_NEW_PRIVS:
      return 0;
    default:
      return fail(E.EINVAL);
  }
}

/** Whether the second argument of a prctl option is a name. */
export function prctlTakesName(option: number): boolean {
  return option === PR.SET_NAME || option === PR.GET_NAME;
}

const SCHED_OTHER = 0, SCHED_BATCH = 3, SCHED_IDLE = 5;

function schedSetscheduler(_process: Process, _pid: number, policy: number): number {
  return policy === SCHED_OTHER || policy === SCHED_BATCH || policy === SCHED_IDLE
    ? 0
    : policy === 1 || policy === 2
    ? fail(E.EPERM)
    : fail(E.EINVAL);
}

function priorityLimit(most: number) {
  return (_process: Process, policy: number): number =>
    policy === 1 || policy === 2 ? most : policy >= 0 && policy <= SCHED_IDLE ? 0 : fail(E.EINVAL);
}

function putZero(_process: Process, _pid: number, out: Uint8Array): number {
  out.fill(0);
  return 0;
}

export const limitCalls: Handlers = {
  prlimit64: prlimit,
  getrlimit: (process: Process, resource: number, out: Uint8Array) =>
    prlimit(process, 0, resource, undefined, out),
  setrlimit: (process: Process, resource: number, limit: Uint8Array) =>
    prlimit(process, 0, resource, limit, undefined),
  times,
  sysinfo,
  sched_getaffinity: schedGetaffinity,
  sched_setaffinity: () => 0,
  sched_getscheduler: () => SCHED_OTHER,
  sched_setscheduler: schedSetscheduler,
  sched_getparam: putZero,
  sched_setparam: () => 0,
  sched_get_priority_max: priorityLimit(99),
  sched_get_priority_min: priorityLimit(1),
  // Nice values, as getpriority gives them: 20 minus the value.
  getpriority: () => 20,
  setpriority: () => 0,
  getcpu: (_process: Process, cpu: Uint8Array | undefined, node: Uint8Array | undefined) => {
    cpu?.fill(0);
    node?.fill(0);
    return 0;
  },
  membarrier: (_process: Process, command: number) => command === 0 ? 0 : fail(E.EINVAL),
  riscv_flush_icache: () => 0,
  personality: () => 0,
  capget: (process: Process, header: Uint8Array, data: Uint8Array | undefined) => {
    if (data === undefined) return 0;
    const all = process.identity.euid === 0 ? 0xffff_ffff : 0;
    for (let index = 0; index < 6; index++) {
      // effective, permitted, inheritable: twice, for the low and the high capabilities
      const high = index >= 3, inheritable = index % 3 === 2;
      const bits = inheritable ? 0 : high ? all & 0x1ff : all;
      if ((index + 1) * 4 <= data.length) words(data).setUint32(index * 4, bits, true);
    }
    return header.length > 0 ? 0 : fail(E.EFAULT);
  },
  capset: (process: Process) => process.identity.euid === 0 ? 0 : fail(E.EPERM),
};

export const threadLimitCalls: ThreadHandlers = { getrusage, prctl };
