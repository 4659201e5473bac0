// Memory of frames and reads, used again: to take a new piece of 64 KiB costs five times as much as to copy it,
// since the host has to find and clear its pages, and a small one as much as all that is done with it. The
// buffers are this thread's.

/** The largest frame, with the header before it. */
const LARGE_BYTES = (1 << 16) + 64;
/** The usual frame, with the header before it. */
const SMALL_BYTES = 2048;
/** Kept for later: two megabytes, and half of one. */
const MAX_LARGE = 32, MAX_SMALL = 256;

const large: Uint8Array<ArrayBuffer>[] = [], small: Uint8Array<ArrayBuffer>[] = [];

/** @returns at least `length` bytes, at most 64 KiB; what is in them is of no meaning */
export function takeBuffer(length: number): Uint8Array<ArrayBuffer> {
  return length <= SMALL_BYTES
    ? small.pop() ?? new Uint8Array(SMALL_BYTES)
    : large.pop() ?? new Uint8Array(Math.max(length, LARGE_BYTES));
}

/** Gives memory back that nobody looks at any more; what was not taken here is left alone. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer> | undefined): void {
  if (buffer?.length === SMALL_BYTES && small.length < MAX_SMALL) small.push(buffer);
  else if (buffer?.length === LARGE_BYTES && large.length < MAX_LARGE) large.push(buffer);
}
