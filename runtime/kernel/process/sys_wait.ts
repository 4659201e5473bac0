// wait4(2) and waitid(2): how children ended, stopped and went on.
import type { Coroutine } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import { O } from "../vfs/constants.ts";
import type { Handlers } from "./handler.ts";
import { pidfdOf } from "./pidfd.ts";
import type { Process } from "./process.ts";
import { putSignalInfo } from "./signal_info.ts";
import { CLD, SIG } from "./signal.ts";

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
  child: Process;
  status: number;
  code: number;
}

/** What there is to tell of some children; taken unless it is only looked at. */
function nextEvent(children: Process[], options: number): Event | undefined {
  const taken = (options & W.NOWAIT) === 0;
  for (const child of children) {
    if ((options & W.EXITED) !== 0 && child.ended !== undefined) {
      const status = child.ended;
      const code = (status & 0x7f) === 0 ? CLD.EXITED : CLD.KILLED;
      if (taken) child.reap();
      return { child, status, code };
    }
    if ((options & W.STOPPED) !== 0 && child.newStop !== undefined) {
      const status = child.newStop << 8 | 0x7f;
      if (taken) child.newStop = undefined;
      return { child, status, code: CLD.STOPPED };
    }
    if ((options & W.CONTINUED) !== 0 && child.newContinue) {
      if (taken) child.newContinue = false;
      return { child, status: CONTINUED_STATUS, code: CLD.CONTINUED };
    }
  }
  return undefined;
}

function* waitFor(
  process: Process,
  options: number,
  wanted: (child: Process) => boolean,
): Coroutine<Event | undefined> {
  for (;;) {
    const children = [...process.children].filter(wanted);
    if (children.length === 0) fail(E.ECHILD);
    const event = nextEvent(children, options);
    if (event !== undefined || (options & W.NOHANG) !== 0) return event;
    yield process.childEvents;
  }
}

function selector(process: Process, pid: number): (child: Process) => boolean {
  if (pid > 0) return (child) => child.pid === pid;
  if (pid === -1) return () => true;
  const group = pid === 0 ? process.group : -pid;
  return (child) => child.group === group;
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
  if (usage !== undefined) putUsage(usage, event.child.userNs, event.child.systemNs);
  return event.child.pid;
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
  let wanted: (child: Process) => boolean;
  if (type === P_ALL) wanted = () => true;
  else if (type === P_PID) wanted = (child) => child.pid === id;
  else if (type === P_PGID) wanted = selector(process, id === 0 ? 0 : -id);
  else if (type === P_PIDFD) {
    const { target, flags } = pidfdOf(process, id);
    wanted = (child) => child === target;
    patient = (flags & O.NONBLOCK) === 0;
  } else return fail(E.EINVAL);
  const event = yield* waitFor(process, patient ? options : options | W.NOHANG, wanted);
  if (event === undefined && !patient && (options & W.NOHANG) === 0) fail(E.EAGAIN);
  info?.fill(0);
  if (event === undefined) return 0;
  const { child, code } = event;
  if (info !== undefined) {
    const status = code === CLD.EXITED
      ? event.status >> 8
      : code === CLD.STOPPED
      ? event.status >> 8
      : code === CLD.CONTINUED
      ? SIG.CONT
      : event.status & 0x7f;
    putSignalInfo(
      { signal: SIG.CHLD, code, pid: child.pid, uid: child.identity.ruid, status },
      info,
    );
  }
  if (usage !== undefined) putUsage(usage, child.userNs, child.systemNs);
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
