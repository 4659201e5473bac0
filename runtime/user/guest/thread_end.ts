// What the end of a thread of an ELF program tells in its memory: the word that set_tid_address(2) named is cleared,
// and the robust futexes that it holds are marked as orphaned (set_robust_list(2)).
import { type Coroutine, finish } from "../../kernel/coroutine.ts";
import type { GuestThread } from "./guest_thread.ts";

/** Bits of a robust futex: its owner has died, others wait for it, and who its owner is. */
const OWNER_DIED = 0x4000_0000, WAITERS = 0x8000_0000, TID = 0x3fff_ffff;
/** The list is the program's: so much of it is looked at. */
const MAX_FUTEXES = 2048;

export function* leave(thread: GuestThread): Coroutine<void> {
  const { kernel, guest, space, access } = thread;
  // Nobody shares the memory of a process that has ended as a whole.
  if (space.users < 2 && !space.sharesPages) return;
  if (kernel.robustList !== 0) yield* orphanFutexes(thread);
  // A core shows which threads there were.
  if (kernel.clearChildTid === 0 || kernel.process.core !== undefined) return;
  yield* access.withPages(() => access.writeWord(kernel.clearChildTid, 0));
  yield* finish(guest.processes.futexes.wake(space, kernel.clearChildTid, 1));
}

function* orphanFutexes(thread: GuestThread): Coroutine<void> {
  const { access } = thread, head = thread.kernel.robustList;
  const [first, offset, pending] = yield* access.withPages(() => [
    access.readLong(head),
    access.readLong(head + 8),
    access.readLong(head + 16),
  ]);
  let entry = first;
  for (let count = 0; entry !== head && entry !== 0 && count < MAX_FUTEXES; count++) {
    const next = yield* access.withPages(() => access.readLong(entry));
    if (entry !== pending) yield* orphan(thread, entry + offset);
    entry = next;
  }
  if (pending !== 0) yield* orphan(thread, pending + offset);
}

/** Marks a futex, if the thread holds it, and wakes one who waits for it. */
function* orphan(thread: GuestThread, address: number): Coroutine<void> {
  const { kernel, guest, space, access } = thread;
  const word = yield* access.withPages(() => access.readWord(address));
  if ((word & TID) !== kernel.tid) return;
  yield* access.withPages(() => access.writeWord(address, word & WAITERS | OWNER_DIED));
  if ((word & WAITERS) !== 0) yield* guest.processes.futexes.wake(space, address, 1);
}
