// Waiting for several descriptors at once: ppoll(2), pselect6(2). Signal masks are the caller's affair: it
// sets them before and puts them back after.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { POLL } from "../../vfs/constants.ts";
import type { Description } from "../file/description.ts";
import type { Handlers } from "../handler.ts";
import { getInt } from "../little_endian.ts";
import { RLIMIT } from "../limits.ts";
import type { Process } from "../process.ts";
import { durationNs } from "../signal/sys_signal.ts";

/** `struct pollfd` */
const POLLFD_BYTES = 8;
const FD_SETSIZE = 1024;

/** A descriptor that is waited for. */
interface Wanted {
  description: Description | undefined;
  events: number;
}

/**
 * Waits until one of some descriptors is ready.
 * @param report called with the readiness of each, in order @returns whether it counts
 * @param deadlineNs of the monotonic clock
 * @returns how many counted; 0 after the deadline
 */
export function* waitForAny(
  process: Process,
  wanted: readonly Wanted[],
  report: (index: number, ready: number) => boolean,
  deadlineNs: number,
): Coroutine<number> {
  const { tasks, nowNs } = process.kernel.environment;
  const any = new WaitQueue(true);
  const wake = () => any.wakeAll();
  let watches: (() => void)[] | undefined;
  const cancelTimer = deadlineNs === Infinity ? undefined : tasks.wakeAt(deadlineNs, any);
  try {
    for (;;) {
      let ready = 0;
      wanted.forEach(({ description, events }, index) => {
        const found = description === undefined ? POLL.NVAL : description.poll(events);
        if (report(index, found)) ready++;
      });
      if (ready > 0 || nowNs() >= deadlineNs) return ready;
      watches ??= wanted.map(({ description }) => description!.readiness.watch(wake));
      yield any;
    }
  } finally {
    cancelTimer?.();
    watches?.forEach((unwatch) => unwatch());
  }
}

function find(process: Process, fd: number): Description | undefined {
  try {
    return process.description(fd);
  } catch {
    return undefined;
  }
}

function deadlineOf(process: Process, timeout: Uint8Array | undefined): number {
  if (timeout === undefined) return Infinity;
  return process.kernel.environment.nowNs() + durationNs(timeout);
}

/** @param fds `struct pollfd`s: descriptor, events, and room for what is so */
function* ppoll(
  process: Process,
  fds: Uint8Array,
  count: number,
  timeout: Uint8Array | undefined,
): Coroutine<number> {
  if (count > process.limits[RLIMIT.NOFILE].soft) fail(E.EINVAL);
  const deadline = deadlineOf(process, timeout);
  const wanted: Wanted[] = [];
  const places: number[] = [];
  for (let at = 0; at < count * POLLFD_BYTES; at += POLLFD_BYTES) {
    const fd = getInt(fds, at);
    fds[at + 6] = fds[at + 7] = 0;
    if (fd < 0) continue;
    wanted.push({ description: find(process, fd), events: fds[at + 4] | fds[at + 5] << 8 });
    places.push(at);
  }
  return yield* waitForAny(process, wanted, (index, ready) => {
    fds[places[index] + 6] = ready;
    fds[places[index] + 7] = ready >> 8;
    return ready !== 0;
  }, deadline);
}

/** What makes a descriptor count in each of the three sets. */
const READABLE = POLL.IN | POLL.HUP | POLL.ERR, WRITABLE = POLL.OUT | POLL.ERR, EXCEPTION = 2;

/** @param sets bits of descriptors that are to be readable, writable, or have an exception */
function* pselect6(
  process: Process,
  count: number,
  readable: Uint8Array | undefined,
  writable: Uint8Array | undefined,
  exceptions: Uint8Array | undefined,
  timeout: Uint8Array | undefined,
): Coroutine<number> {
  if (!(count >= 0 && count <= FD_SETSIZE)) fail(E.EINVAL);
  const deadline = deadlineOf(process, timeout);
  const sets = [readable, writable, exceptions];
  const asks = [POLL.IN, POLL.OUT, EXCEPTION], counts = [READABLE, WRITABLE, EXCEPTION];
  const has = (set: Uint8Array | undefined, fd: number) =>
    set !== undefined && (set[fd >> 3] & 1 << (fd & 7)) !== 0;
  const wanted: (Wanted & { fd: number })[] = [];
  for (let fd = 0; fd < count; fd++) {
    const events = asks.reduce((sum, ask, index) => has(sets[index], fd) ? sum | ask : sum, 0);
    if (events !== 0) wanted.push({ fd, description: process.description(fd), events });
  }
  const asked = sets.map((set) => set?.slice());
  for (const set of sets) set?.fill(0);
  let total = 0;
  yield* waitForAny(process, wanted, (index, ready) => {
    const { fd } = wanted[index];
    let found = false;
    sets.forEach((set, which) => {
      if (!has(asked[which], fd) || (ready & counts[which]) === 0) return;
      set![fd >> 3] |= 1 << (fd & 7);
      total++;
      found = true;
    });
    return found;
  }, deadline);
  return total;
}

export const pollCalls: Handlers = { ppoll, pselect6 };
