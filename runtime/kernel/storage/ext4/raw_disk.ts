// What is on the disk, as the last commit left it: blocks that are newer in the journal are seen as they are there,
// and not as they are at home, so that all of it goes together. What is not committed is not seen.
import type { Coroutine } from "../../coroutine.ts";
import type { BlockIo } from "./block_io.ts";
import type { BufferCache } from "./buffer_cache.ts";

/** Bytes that are read at once. */
const MOST_BYTES = 128 << 10;

/**
 * Reads bytes of the disk.
 * @param diskBytes how long it is
 * @returns how many; fewer than asked for where it ends, or where they are many
 * @throws Errno EIO
 */
export function* readDisk(
  io: BlockIo,
  cache: BufferCache,
  diskBytes: number,
  offset: number,
  into: Uint8Array,
): Coroutine<number> {
  const count = Math.min(into.length, diskBytes - offset, MOST_BYTES);
  if (count <= 0) return 0;
  const { blockBytes } = cache;
  const first = Math.floor(offset / blockBytes), beyond = Math.ceil((offset + count) / blockBytes);
  const start = first * blockBytes;
  const bytes = new Uint8Array(Math.min(beyond * blockBytes, diskBytes) - start);
  // Some may come home while the disk is read, others be committed: both are seen.
  const before = Array.from({ length: beyond - first }, (_, at) => cache.committedOf(first + at));
  yield* io.read(start, bytes);
  before.forEach((old, at) => {
    const newer = cache.committedOf(first + at) ?? old;
    if (newer !== undefined) bytes.set(newer, at * blockBytes);
  });
  into.set(bytes.subarray(offset - start, offset - start + count));
  return count;
}
