// Calls about who runs when (sched(7), getpriority(2)). Threads take turns whatever their class and nice value:
// these are kept and told, and who may change them is checked.
import { E, fail } from "../errno.ts";
import type { Handlers, ThreadHandlers } from "./handler.ts";
import { RLIMIT } from "./limits.ts";
import { getInt, putInt, putLong } from "./little_endian.ts";
import type { Process } from "./process.ts";
import { privileged } from "./sys_identity.ts";
import type { Thread } from "./thread.ts";

const SCHED = { OTHER: 0, FIFO: 1, RR: 2, BATCH: 3, IDLE: 5 } as const;
const RESET_ON_FORK = 0x4000_0000;
const PRIO = { PROCESS: 0, PGRP: 1, USER: 2 } as const;
const MOST_PRIORITY = 99;
const RR_INTERVAL_NS = 100e6;
/** An affinity mask is told in words of the kernel. */
const MASK_BYTES = 8;
/** The hart that there is. */
const HARTS_MASK = 1;

const isRealtime = (policy: number) => policy === SCHED.FIFO || policy === SCHED.RR;

/** @throws Errno EINVAL for a policy that there is not */
function demandPolicy(policy: number): void {
  if (!Object.values(SCHED).includes(policy as 0)) fail(E.EINVAL);
}

/** The process of a thread's number, for the calls that take no negative ones. @throws Errno EINVAL, ESRCH */
function scheduled(process: Process, tid: number): Process {
  return tid < 0 ? fail(E.EINVAL) : named(process, tid);
}

/** The process of a thread's number; 0 is the caller. @throws Errno ESRCH */
function named(process: Process, tid: number): Process {
  if (tid === 0) return process;
  return process.kernel.thread(tid)?.process ?? process.kernel.process(tid) ?? fail(E.ESRCH);
}

/** @throws Errno EPERM unless the caller is root or has the user of the target */
function demandControl(process: Process, target: Process): void {
  const { euid } = process.identity;
  const { ruid, euid: targetEuid } = target.identity;
  if (!privileged(process) && euid !== ruid && euid !== targetEuid) fail(E.EPERM);
}

function setScheduler(
  process: Process,
  tid: number,
  flaggedPolicy: number | undefined,
  parameters: Uint8Array | undefined,
): number {
  if (parameters === undefined) return fail(E.EINVAL);
  const target = scheduled(process, tid);
  const { settings } = target;
  const policy = flaggedPolicy === undefined ? settings.policy : flaggedPolicy & ~RESET_ON_FORK;
  const priority = getInt(parameters, 0);
  demandPolicy(policy);
  const allowed = isRealtime(policy) ? priority >= 1 && priority <= MOST_PRIORITY : priority === 0;
  if (!allowed) fail(E.EINVAL);
  demandControl(process, target);
  const most = target.limits[RLIMIT.RTPRIO].soft;
  if (isRealtime(policy) && !privileged(process) && priority > most) fail(E.EPERM);
  settings.policy = policy;
  settings.priority = priority;
  if (flaggedPolicy !== undefined) settings.resetOnFork = (flaggedPolicy & RESET_ON_FORK) !== 0;
  return 0;
}

function getScheduler(process: Process, tid: number): number {
  const { policy, resetOnFork } = scheduled(process, tid).settings;
  return policy | (resetOnFork ? RESET_ON_FORK : 0);
}

function getParameters(process: Process, tid: number, out: Uint8Array | undefined): number {
  if (out === undefined) return fail(E.EINVAL);
  putInt(out, 0, scheduled(process, tid).settings.priority);
  return 0;
}

function priorityBound(policy: number, realtime: number): number {
  demandPolicy(policy);
  return isRealtime(policy) ? realtime : 0;
}

/** @param mask `size` bytes @returns how many of them say something */
function getAffinity(process: Process, tid: number, size: number, mask: Uint8Array): number {
  if (size < MASK_BYTES || size % MASK_BYTES !== 0) fail(E.EINVAL);
  named(process, tid);
  mask.fill(0, 0, MASK_BYTES);
  mask[0] = HARTS_MASK;
  return MASK_BYTES;
}

/** A mask must leave one hart that there is. */
function setAffinity(process: Process, tid: number, size: number, mask: Uint8Array): number {
  const target = named(process, tid);
  demandControl(process, target);
  return size > 0 && (mask[0] & HARTS_MASK) !== 0 ? 0 : fail(E.EINVAL);
}

/** The processes that a priority call is about. @throws Errno EINVAL, ESRCH */
function prioritized(process: Process, which: number, who: number): Process[] {
  const { kernel } = process;
  let found: Process[];
  if (which === PRIO.PROCESS) found = [named(process, who)];
  else if (which === PRIO.PGRP) {
    const group = who === 0 ? process.group : who;
    found = [...kernel.all].filter((each) => each.group === group);
  } else if (which === PRIO.USER) {
    const user = who === 0 ? process.identity.ruid : who;
    found = [...kernel.all].filter((each) => each.identity.ruid === user);
  } else return fail(E.EINVAL);
  return found.length > 0 ? found : fail(E.ESRCH);
}

/** @returns 20 less the nice value of the most favoured */
function getpriority(process: Process, which: number, who: number): number {
  return 20 - Math.min(...prioritized(process, which, who).map(({ settings }) => settings.nice));
}

function setpriority(process: Process, which: number, who: number, wanted: number): number {
  const nice = Math.max(-20, Math.min(19, wanted));
  for (const target of prioritized(process, which, who)) {
    demandControl(process, target);
    const least = Math.min(target.settings.nice, 20 - target.limits[RLIMIT.NICE].soft);
    if (nice < least && !privileged(process)) fail(E.EACCES);
    target.settings.nice = nice;
  }
  return 0;
}

/** Classes of ioprio_set(2): none, real time, best effort, idle; a priority has its class above 13 bits. */
const IOPRIO = { CLASS_SHIFT: 13, NONE: 0, RT: 1, IDLE: 3, LEVELS: 8 } as const;

/** @param which 1 more than that of setpriority(2) */
function ioprioSet(process: Process, which: number, who: number, wanted: number): number {
  const kind = wanted >> IOPRIO.CLASS_SHIFT, level = wanted & (1 << IOPRIO.CLASS_SHIFT) - 1;
  if (!(kind >= 0 && kind <= IOPRIO.IDLE) || level >= IOPRIO.LEVELS) fail(E.EINVAL);
  if (kind === IOPRIO.NONE && level !== 0) fail(E.EINVAL);
  if (kind === IOPRIO.RT && !privileged(process)) fail(E.EPERM);
  for (const target of prioritized(process, which - 1, who)) {
    demandControl(process, target);
    target.settings.ioPriority = wanted;
  }
  return 0;
}

/** @returns the most favoured one of those that are set */
function ioprioGet(process: Process, which: number, who: number): number {
  const found = prioritized(process, which - 1, who).map(({ settings }) => settings.ioPriority);
  const set = found.filter((each) => each !== 0);
  return set.length > 0 ? Math.min(...set) : 0;
}

export const scheduleCalls: Handlers = {
  ioprio_set: ioprioSet,
  ioprio_get: ioprioGet,
  sched_setscheduler: setScheduler,
  sched_setparam: (process: Process, tid: number, parameters: Uint8Array | undefined) =>
    setScheduler(process, tid, undefined, parameters),
  sched_getscheduler: getScheduler,
  sched_getparam: getParameters,
  sched_getaffinity: getAffinity,
  sched_setaffinity: setAffinity,
  sched_get_priority_max: (_process: Process, policy: number) =>
    priorityBound(policy, MOST_PRIORITY),
  sched_get_priority_min: (_process: Process, policy: number) => priorityBound(policy, 1),
  sched_rr_get_interval: (process: Process, tid: number, out: Uint8Array) => {
    const { policy } = scheduled(process, tid).settings;
    out.fill(0);
    putLong(out, 8, policy === SCHED.FIFO ? 0 : RR_INTERVAL_NS);
    return 0;
  },
  getpriority,
  setpriority,
  getcpu: (_process: Process, cpu: Uint8Array | undefined, node: Uint8Array | undefined) => {
    cpu?.fill(0);
    node?.fill(0);
    return 0;
  },
  // One hart runs all threads, one after another: no barrier is needed, and none is offered.
  membarrier: (_process: Process, command: number) => command === 0 ? 0 : fail(E.EINVAL),
};

const ROBUST_HEAD_BYTES = 24;

export const threadScheduleCalls: ThreadHandlers = {
  get_robust_list: (thread: Thread, tid: number, head: Uint8Array, size: Uint8Array) => {
    const target = tid === 0 ? thread : thread.process.kernel.thread(tid) ?? fail(E.ESRCH);
    if (target.process !== thread.process) demandControl(thread.process, target.process);
    putLong(head, 0, target.robustList);
    putLong(size, 0, ROBUST_HEAD_BYTES);
    return 0;
  },
};
