// Bytes of frames and segments, copied and compared.

/** Below this a loop is faster than making the view that `set` needs. */
const LOOP_BYTES = 48;

/** Copies `count` bytes. */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  into: Uint8Array,
  intoAt: number,
  count: number,
): void {
  if (count > LOOP_BYTES) into.set(from.subarray(fromAt, fromAt + count), intoAt);
  else for (let index = 0; index < count; index++) into[intoAt + index] = from[fromAt + index];
}

/** Whether `count` bytes are the same in both. */
export function sameBytes(
  left: Uint8Array,
  leftAt: number,
  right: Uint8Array,
  rightAt: number,
  count: number,
): boolean {
  for (let index = 0; index < count; index++) {
    if (left[leftAt + index] !== right[rightAt + index]) return false;
  }
  return true;
}
