// Asynchronous input and output (io_setup(2), io_submit(2), io_getevents(2), io_cancel(2), io_destroy(2)).
import type { Coroutine } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { EventDescription } from "../event/eventfd.ts";
import type { Handlers } from "../handler.ts";
import { getInt, getLong, putLong } from "../little_endian.ts";
import type { AddressSpace } from "../memory/address_space.ts";
import { copyForeign } from "../memory/foreign_memory.ts";
import type { Process } from "../process.ts";
import { durationNs } from "../signal/sys_signal.ts";
import type { AioContext } from "./context.ts";
import { CONTROL_BLOCK_BYTES, KEY_OFFSET, readControlBlock } from "./control_block.ts";
import { EVENT_BYTES } from "./event_ring.ts";
import { prepare } from "./operations.ts";
import { copyIn } from "./user_buffer.ts";

/** No context has room for more, whatever the machine allows. */
const MOST_ASKED = 1 << 22;
const POINTER_BYTES = 8;
/** What the kernel notes in blocks that it has seen. */
const KEY = new Uint8Array(4);
const FOR_WRITING = { write: true, forced: false };

function spaceOf(process: Process): AddressSpace {
  return process.memory ?? fail(E.ENOSYS);
}

/** @param number zero; the context's comes out */
function setup(process: Process, events: number, number: Uint8Array): number {
  if (getLong(number, 0) !== 0 || events === 0 || events > MOST_ASKED) fail(E.EINVAL);
  putLong(number, 0, process.kernel.aio.create(spaceOf(process), events));
  return 0;
}

function* destroy(process: Process, number: number): Coroutine<number> {
  yield* process.kernel.aio.destroy(spaceOf(process), number);
  return 0;
}

/** @param pointers address of addresses of `struct iocb` @returns how many have begun before the first that cannot */
function* submit(
  process: Process,
  number: number,
  count: number,
  pointers: number,
): Coroutine<number> {
  if (count < 0) fail(E.EINVAL);
  const space = spaceOf(process);
  const context = process.kernel.aio.find(space, number);
  const pointer = new Uint8Array(POINTER_BYTES), block = new Uint8Array(CONTROL_BLOCK_BYTES);
  for (let begun = 0; begun < count; begun++) {
    try {
      yield* copyIn(space, pointers + begun * POINTER_BYTES, pointer);
      yield* begin(process, space, context, getLong(pointer, 0), block);
    } catch (failure) {
      if (begun > 0 && failure instanceof Errno) return begun;
      throw failure;
    }
  }
  return count;
}

function* begin(
  process: Process,
  space: AddressSpace,
  context: AioContext,
  address: number,
  room: Uint8Array,
): Coroutine<void> {
  const block = yield* readControlBlock(space, address, room);
  const tells = block.tells === undefined ? undefined : process.description(block.tells);
  if (tells !== undefined && !(tells instanceof EventDescription)) return fail(E.EINVAL);
  if ((yield* copyForeign(space, address + KEY_OFFSET, KEY, FOR_WRITING)) < KEY.length) {
    fail(E.EFAULT);
  }
  const prepared = yield* prepare({ process, space }, block);
  if (context.ended) fail(E.EINVAL);
  if (!context.hasRoom) fail(E.EAGAIN);
  context.begin(prepared, block, tells);
}

function* cancel(process: Process, number: number, block: number): Coroutine<number> {
  const space = spaceOf(process);
  const key = yield* copyIn(space, block + KEY_OFFSET, new Uint8Array(KEY.length));
  if (getInt(key, 0) !== 0) fail(E.EINVAL);
  process.kernel.aio.find(space, number).cancel(block);
  // It ends as all others do, by an event.
  return fail(E.EINPROGRESS);
}

/** @param out room for `most` events @param timeout `struct timespec` */
function* getEvents(
  process: Process,
  number: number,
  least: number,
  most: number,
  out: Uint8Array,
  timeout: Uint8Array | undefined,
): Coroutine<number> {
  const { aio, environment: { tasks, nowNs } } = process.kernel;
  const deadline = timeout === undefined ? Infinity : nowNs() + durationNs(timeout);
  const context = aio.find(spaceOf(process), number);
  if (!(least >= 0 && least <= most)) fail(E.EINVAL);
  let taken = 0, cancelTimer: (() => void) | undefined;
  try {
    for (;;) {
      taken += context.ring.take(out.subarray(taken * EVENT_BYTES));
      if (taken >= least || nowNs() >= deadline) return taken;
      if (context.ended) return taken > 0 ? taken : fail(E.EINVAL);
      if (deadline !== Infinity) cancelTimer ??= tasks.wakeAt(deadline, context.completed);
      yield context.completed;
    }
  } catch (failure) {
    if (taken > 0 && failure instanceof Errno) return taken;
    throw failure;
  } finally {
    cancelTimer?.();
  }
}

export const aioCalls: Handlers = {
  io_setup: setup,
  io_destroy: destroy,
  io_submit: submit,
  io_cancel: cancel,
  io_getevents: getEvents,
  io_pgetevents: getEvents,
};
