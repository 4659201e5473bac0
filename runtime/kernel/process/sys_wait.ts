// wait4(2) and waitid(2): how children ended, stopped and went on, and what traced threads do.
import type { Coroutine } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import { O } from "../vfs/constants.ts";
import type { Handlers } from "./handler.ts";
import { pidfdOf } from "./event/pidfd.ts";
import type { Process } from "./process.ts";
import { reap } from "./process_end.ts";
import { putSignalInfo } from "./signal/signal_info.ts";
import { CLD, endCode, SIG } from "./signal/signal.ts";
import { ownTimes } from "./sys_limits.ts";
import type { Tracing } from "./tracing.ts";

const W = {
  NOHANG: 1,
  UNTRACED: 2,
  STOPPED: 2,
  EXITED: 4,
  CONTINUED: 8,
  NOWAIT: 0x0100_0000,
} as const;
/** __WNOTHREAD, __WALL, __WCLONE: all children are waited for, whoever of the threads made them. */
const CLONE_OPTIONS = 0xe000_0000;
const CONTINUED_STATUS = 0xffff;

interface Event {
  /** number of the process, or of the traced thread */
  id: number;
  process: Process;
  status: number;
  code: number;
}

/** Whom a wait is for. @param id number of a process, or of one of its threads */
type Selector = (id: number, process: Process) => boolean;

/** What there is to tell of some children; taken unless it is only looked at. */
function nextOfChildren(children: Process[], options: number): Event | undefined {
  const taken = (options & W.NOWAIT) === 0;
  for (const child of children) {
    const { tracer } = child, event = { id: child.pid, process: child };
    // Who traces it hears of its end first.
    const mine = tracer === undefined || tracer === child.parent;
    if ((options & W.EXITED) !== 0 && child.ended !== undefined && mine) {
      const status = child.ended;
      if (taken) reap(child);
      return { ...event, status, code: endCode(status) };
    }
    if ((options & W.STOPPED) !== 0 && child.newStop !== undefined) {
      const status = child.newStop << 8 | 0x7f;
      if (taken) child.newStop = undefined;
      return { ...event, status, code: CLD.STOPPED };
    }
    if ((options & W.CONTINUED) !== 0 && child.newContinue) {
      if (taken) child.newContinue = false;
      return { ...event, status: CONTINUED_STATUS, code: CLD.CONTINUED };
    }
  }
  return undefined;
}

/** What there is to tell of traced threads: their stops are told to everybody who waits. */
function nextOfTracees(tracees: Tracing[], options: number): Event | undefined {
  const taken = (options & W.NOWAIT) === 0;
  for (const tracing of tracees) {
    const { ended, stop, listening, thread: { process } } = tracing;
    const event = { id: tracing.tid, process };
    if ((options & W.EXITED) !== 0 && ended !== undefined) {
      // A process that ends as a whole ends so in each of its threads.
      const status = process.ending ?? ended;
      if (taken) tracing.reap();
      return { ...event, status, code: endCode(status) };
    }
    if (stop !== undefined && !stop.told && !listening) {
      if (taken) stop.told = true;
      return { ...event, status: stop.code << 8 | 0x7f, code: CLD.TRAPPED };
    }
  }
  return undefined;
}

function* waitFor(
  process: Process,
  options: number,
  wanted: Selector,
): Coroutine<Event | undefined> {
  for (;;) {
    const children = [...process.children].filter((child) => wanted(child.pid, child));
    const tracees = [...process.tracees].filter(({ tid, thread }) => wanted(tid, thread.process));
    if (children.length + tracees.length === 0) fail(E.ECHILD);
    const event = nextOfTracees(tracees, options) ?? nextOfChildren(children, options);
    if (event !== undefined || (options & W.NOHANG) !== 0) return event;
    yield process.childEvents;
  }
}

function selector(process: Process, pid: number): Selector {
  if (pid > 0) return (id) => id === pid;
  if (pid === -1) return () => true;
  const group = pid === 0 ? process.group : -pid;
  return (_id, child) => child.group === group;
}

/** @param usage `struct rusage` of the child, 144 bytes */
function* wait4(
  process: Process,
  pid: number,
  status: Uint8Array | undefined,
  options: number,
  usage: Uint8Array | undefined,
): Coroutine<number> {
  if ((options & ~(W.NOHANG | W.UNTRACED | W.CONTINUED | CLONE_OPTIONS)) !== 0) fail(E.EINVAL);
  const event = yield* waitFor(process, options | W.EXITED, selector(process, pid));
  if (event === undefined) return 0;
  if (status !== undefined) {
    new DataView(status.buffer, status.byteOffset).setInt32(0, event.status, true);
  }
  if (usage !== undefined) putUsage(usage, ...ownTimes(event.process));
  return event.id;
}

function* waitid(
  process: Process,
  type: number,
  id: number,
  info: Uint8Array | undefined,
  options: number,
  usage: Uint8Array | undefined,
): Coroutine<number> {
  const events = W.EXITED | W.STOPPED | W.CONTINUED;
  if ((options & events) === 0) fail(E.EINVAL);
  if ((options & ~(events | W.NOHANG | W.NOWAIT | CLONE_OPTIONS)) !== 0) fail(E.EINVAL);
  const [P_ALL, P_PID, P_PGID, P_PIDFD] = [0, 1, 2, 3];
  let patient = true;
  let wanted: Selector;
  if (type === P_ALL) wanted = () => true;
  else if (type === P_PID) wanted = (each) => each === id;
  else if (type === P_PGID) wanted = selector(process, id === 0 ? 0 : -id);
  else if (type === P_PIDFD) {
    const { target, flags } = pidfdOf(process, id);
    wanted = (each, child) => child === target && each === target.pid;
    patient = (flags & O.NONBLOCK) === 0;
  } else return fail(E.EINVAL);
  const event = yield* waitFor(process, patient ? options : options | W.NOHANG, wanted);
  if (event === undefined && !patient && (options & W.NOHANG) === 0) fail(E.EAGAIN);
  info?.fill(0);
  if (event === undefined) return 0;
  const { process: child, code } = event;
  if (info !== undefined) {
    const status = code === CLD.EXITED
      ? event.status >> 8
      : code === CLD.STOPPED || code === CLD.TRAPPED
      ? event.status >> 8
      : code === CLD.CONTINUED
      ? SIG.CONT
      : event.status & 0x7f;
    putSignalInfo(
      { signal: SIG.CHLD, code, pid: event.id, uid: child.identity.ruid, status },
      info,
    );
  }
  if (usage !== undefined) putUsage(usage, ...ownTimes(child));
  return 0;
}

/** Fills a `struct rusage` with what is known: the times. */
export function putUsage(out: Uint8Array, userNs: number, systemNs: number): void {
  out.fill(0);
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  [userNs, systemNs].forEach((ns, index) => {
    view.setBigInt64(index * 16, BigInt(Math.floor(ns / 1e9)), true);
    view.setBigInt64(index * 16 + 8, BigInt(Math.floor(ns % 1e9 / 1e3)), true);
  });
}

export const waitCalls: Handlers = { wait4, waitid };
