// Pieces of a program's memory that data goes to or comes from: as they are where that can be, else by a copy.
import type { Piece } from "../memory/vector.ts";
import { Access } from "../../../hardware/hart/engine.ts";
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { AddressSpace } from "../memory/address_space.ts";
import { copyForeign } from "../memory/foreign_memory.ts";
import { PinnedMemory } from "../memory/pinned_memory.ts";

/** Bytes to be filled, or to be taken. @returns how many were, or a negative errno */
type Move = (bytes: Uint8Array) => Blocking<number>;

/** Copies in from a program's memory. @param into gets it, and is the answer @throws Errno EFAULT */
export function* copyIn(
  space: AddressSpace,
  address: number,
  into: Uint8Array,
): Coroutine<Uint8Array> {
  const copied = yield* copyForeign(space, address, into, { write: false, forced: false });
  return copied === into.length ? into : fail(E.EFAULT);
}

function* inPlace(memory: PinnedMemory, move: Move): Coroutine<number> {
  try {
    return yield* finish(move(memory.bytes));
  } finally {
    memory.release();
  }
}

/** Has a piece filled. @throws Errno EFAULT, and what `move` throws */
export function* fill(
  space: AddressSpace,
  { address, length }: Piece,
  move: Move,
): Coroutine<number> {
  const memory = PinnedMemory.of(space, address, length, Access.WRITE);
  if (memory !== undefined) return yield* inPlace(memory, move);
  const bytes = new Uint8Array(length);
  const count = yield* finish(move(bytes));
  if (count <= 0) return count;
  const given = bytes.subarray(0, count);
  const copied = yield* copyForeign(space, address, given, { write: true, forced: false });
  return copied === 0 ? fail(E.EFAULT) : copied;
}

/** Has a piece taken. @throws Errno EFAULT, and what `move` throws */
export function* take(
  space: AddressSpace,
  { address, length }: Piece,
  move: Move,
): Coroutine<number> {
  const memory = PinnedMemory.of(space, address, length, Access.READ);
  if (memory !== undefined) return yield* inPlace(memory, move);
  return yield* finish(move(yield* copyIn(space, address, new Uint8Array(length))));
}
