// eventfd2(2), epoll_create1(2), epoll_ctl(2), epoll_pwait(2).
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { EpollDescription, type ReadyEvent } from "./epoll.ts";
import { EventDescription } from "./eventfd.ts";
import type { Handlers, Room } from "../handler.ts";
import { getInt, putInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { durationNs } from "../signal/sys_signal.ts";

const EFD_SEMAPHORE = 1;
/** `struct epoll_event`, which is not packed on riscv64 */
const EVENT_BYTES = 16;
/** What epoll_wait(2) takes for a number of events. */
const MOST_EVENTS = Math.floor(0x7fff_ffff / EVENT_BYTES);
/** More is told by the next call: a bound on what one copies. */
const MOST_AT_ONCE = 65_536;

function eventfd2(process: Process, initial: number, flags: number): number {
  if ((flags & ~(EFD_SEMAPHORE | O.CLOEXEC | O.NONBLOCK)) !== 0) fail(E.EINVAL);
  const semaphore = (flags & EFD_SEMAPHORE) !== 0;
  const description = new EventDescription(initial, semaphore, O.RDWR | flags & O.NONBLOCK);
  return process.addDescription(description, (flags & O.CLOEXEC) !== 0);
}

function epollCreate(process: Process, flags: number): number {
  if ((flags & ~O.CLOEXEC) !== 0) fail(E.EINVAL);
  const description = new EpollDescription();
  return process.addDescription(description, (flags & O.CLOEXEC) !== 0);
}

function epoll(process: Process, fd: number): EpollDescription {
  const description = process.description(fd);
  return description instanceof EpollDescription ? description : fail(E.EINVAL);
}

function epollCtl(
  process: Process,
  set: number,
  operation: number,
  fd: number,
  event: Uint8Array | undefined,
): number {
  const description = process.description(fd);
  epoll(process, set).control(
    operation,
    fd,
    description,
    event && { events: getInt(event, 0), low: getInt(event, 8), high: getInt(event, 12) },
  );
  return 0;
}

function put(events: ReadyEvent[], out: Uint8Array): void {
  events.forEach(({ events, low, high }, index) => {
    const at = index * EVENT_BYTES;
    putInt(out, at, events);
    putInt(out, at + 8, low);
    putInt(out, at + 12, high);
  });
}

function* wait(
  process: Process,
  fd: number,
  out: Room,
  timeoutNs: number,
): Coroutine<number> {
  if (out.most <= 0 || out.most > MOST_EVENTS) fail(E.EINVAL);
  const set = epoll(process, fd);
  const { tasks, nowNs } = process.kernel.environment;
  const deadline = timeoutNs === Infinity ? Infinity : nowNs() + timeoutNs;
  let cancel: (() => void) | undefined;
  try {
    for (;;) {
      const found = set.take(Math.min(out.most, MOST_AT_ONCE));
      if (found.length > 0) put(found, out.take(found.length));
      if (found.length > 0 || nowNs() >= deadline) return found.length;
      if (deadline !== Infinity) cancel ??= tasks.wakeAt(deadline, set.readiness);
      yield set.readiness;
    }
  } finally {
    cancel?.();
  }
}

export const eventCalls: Handlers = {
  eventfd2,
  epoll_create1: epollCreate,
  epoll_ctl: epollCtl,
  epoll_pwait: (process: Process, fd: number, out: Room, _most: number, timeoutMs: number) =>
    wait(process, fd, out, timeoutMs < 0 ? Infinity : timeoutMs * 1e6),
  epoll_pwait2: (
    process: Process,
    fd: number,
    out: Room,
    _most: number,
    timeout: Uint8Array | undefined,
  ) => wait(process, fd, out, timeout === undefined ? Infinity : durationNs(timeout)),
};
