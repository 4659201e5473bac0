// Numbers in network order, in bytes.

export function get16(bytes: Uint8Array, at: number): number {
  return bytes[at] << 8 | bytes[at + 1];
}

export function get32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]) >>> 0;
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

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
