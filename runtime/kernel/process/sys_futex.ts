// futex(2), and what a thread leaves behind for others that wait for it.
import type { Coroutine } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { ThreadHandlers } from "./handler.ts";
import { durationNs } from "./signal/sys_signal.ts";
import type { Thread } from "./thread.ts";

const Command = {
  WAIT: 0,
  WAKE: 1,
  REQUEUE: 3,
  CMP_REQUEUE: 4,
  WAKE_OP: 5,
  WAIT_BITSET: 9,
  WAKE_BITSET: 10,
} as const;
const COMMAND_MASK = 0x7f;
const CLOCK_REALTIME = 0x100;

/** @param timeout `struct timespec`, or a count where the command has no timeout */
function futex(
  thread: Thread,
  address: number,
  operation: number,
  value: number,
  timeout: Uint8Array | number | undefined,
  other: number,
  bits: number,
): Coroutine<number> {
  const { futexes, environment } = thread.process.kernel;
  const space = thread.process.memory ?? fail(E.ENOSYS);
  const count = value < 0 ? Infinity : value;
  const second = typeof timeout === "number" ? timeout >= 0 ? timeout : Infinity : 0;
  switch (operation & COMMAND_MASK) {
    case Command.WAIT:
      return futexes.wait(space, address, value, 0xffff_ffff, relativeDeadline(thread, timeout));
    case Command.WAIT_BITSET: {
      let deadline = Infinity;
      if (timeout instanceof Uint8Array) {
        const now = (operation & CLOCK_REALTIME) !== 0
          ? Number(environment.realtimeNs())
          : environment.nowNs();
        deadline = environment.nowNs() + durationNs(timeout) - now;
      }
      return futexes.wait(space, address, value, bits >>> 0, deadline);
    }
    case Command.WAKE:
      return futexes.wake(space, address, count);
    case Command.WAKE_BITSET:
      return futexes.wake(space, address, count, bits >>> 0);
    case Command.REQUEUE:
      return futexes.requeue(space, address, count, other, second, undefined);
    case Command.CMP_REQUEUE:
      return futexes.requeue(space, address, count, other, second, bits);
    case Command.WAKE_OP:
      return futexes.wakeOperation(space, address, count, other, second, bits);
    default:
      return fail(E.ENOSYS);
  }
}

function relativeDeadline(thread: Thread, timeout: Uint8Array | number | undefined): number {
  if (!(timeout instanceof Uint8Array)) return Infinity;
  return thread.process.kernel.environment.nowNs() + durationNs(timeout);
}

/** Whether a futex operation has a timeout where others have a count. */
export function futexHasTimeout(operation: number): boolean {
  const command = operation & COMMAND_MASK;
  return command === Command.WAIT || command === Command.WAIT_BITSET;
}

function setTidAddress(thread: Thread, address: number): number {
  thread.clearChildTid = address;
  return thread.tid;
}

const ROBUST_HEAD_BYTES = 24;

function setRobustList(thread: Thread, head: number, bytes: number): number {
  if (bytes !== ROBUST_HEAD_BYTES) fail(E.EINVAL);
  thread.robustList = head;
  return 0;
}

export const futexCalls: ThreadHandlers = {
  futex,
  set_tid_address: setTidAddress,
  set_robust_list: setRobustList,
  gettid: (thread: Thread) => thread.tid,
};
