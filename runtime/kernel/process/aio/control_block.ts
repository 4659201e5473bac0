// `struct iocb`: what an asynchronous operation is to do (io_submit(2)), and the memory that it names.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { getInt, getLong } from "../little_endian.ts";
import type { AddressSpace } from "../memory/address_space.ts";
import { IOVEC_BYTES, MAX_VECTOR, type Piece, readVector } from "../memory/vector.ts";
import { copyIn } from "./user_buffer.ts";

export const CONTROL_BLOCK_BYTES = 64;
/** Where the kernel notes that it has seen a block. */
export const KEY_OFFSET = 8;

/** Operations, by number. */
export const Operation = {
  PREAD: 0,
  PWRITE: 1,
  FSYNC: 2,
  FDSYNC: 3,
  POLL: 5,
  PREADV: 7,
  PWRITEV: 8,
} as const;

const FLAG_RESFD = 1;

export interface ControlBlock {
  /** what comes back with the result: the two halves of a number */
  data: [low: number, high: number];
  /** address of the block */
  address: number;
  operation: number;
  fd: number;
  /** of memory, or what it stands for */
  buffer: number;
  /** bytes, or pieces */
  count: number;
  offset: number;
  /** as of preadv2(2) */
  flags: number;
  /** descriptor of an eventfd that is told */
  tells: number | undefined;
}

/** Reads a block. @param bytes room for it, which may have another one afterwards @throws Errno EFAULT, EINVAL */
export function* readControlBlock(
  space: AddressSpace,
  address: number,
  bytes: Uint8Array,
): Coroutine<ControlBlock> {
  yield* copyIn(space, address, bytes);
  const flags = getInt(bytes, 56), count = getLong(bytes, 32);
  if ((getInt(bytes, 48) | getInt(bytes, 52)) !== 0 || count < 0) fail(E.EINVAL);
  return {
    data: [getInt(bytes, 0), getInt(bytes, 4)],
    address,
    flags: getInt(bytes, 12),
    operation: bytes[16] | bytes[17] << 8,
    fd: getInt(bytes, 20),
    buffer: getLong(bytes, 24),
    count,
    offset: getLong(bytes, 40),
    tells: (flags & FLAG_RESFD) !== 0 ? getInt(bytes, 60) : undefined,
  };
}

/** The memory that a transfer goes to or comes from. @throws Errno EFAULT, EINVAL */
export function* piecesOf(space: AddressSpace, block: ControlBlock): Coroutine<Piece[]> {
  const { operation, buffer, count } = block;
  if (operation === Operation.PREAD || operation === Operation.PWRITE) {
    return [{ address: buffer, length: count }];
  }
  if (count > MAX_VECTOR) fail(E.EINVAL);
  return readVector(yield* copyIn(space, buffer, new Uint8Array(count * IOVEC_BYTES)));
}
