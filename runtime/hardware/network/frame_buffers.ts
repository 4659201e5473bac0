// Memory of large frames and large reads, used again: to take a new piece of 64 KiB costs five times as much as
// to copy it, since the host has to find and clear its pages. The buffers are this thread's.

/** The largest frame, with the header before it. */
const BUFFER_BYTES = (1 << 16) + 64;
/** Below this, a piece of its own is cheap. */
const SMALL_BYTES = 4096;
/** Kept for later: two megabytes. */
const MAX_KEPT = 32;

const kept: Uint8Array<ArrayBuffer>[] = [];

/** @returns at least `length` bytes, at most 64 KiB; what is in them is of no meaning */
export function takeBuffer(length: number): Uint8Array<ArrayBuffer> {
  return length < SMALL_BYTES
    ? new Uint8Array(length)
    : kept.pop() ?? new Uint8Array(Math.max(length, BUFFER_BYTES));
}

/** Gives memory back that nobody looks at any more; what was not taken here is left alone. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer> | undefined): void {
  if (buffer?.length === BUFFER_BYTES && kept.length < MAX_KEPT) kept.push(buffer);
}
