// Numbers in the structures of system calls, little endian at any offset. They go in and out byte by byte, so
// that a call that fills a structure makes no view and no BigInt.

const WORD = 2 ** 32;

/** The signed 32-bit number at an offset. */
export function getInt(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
}

/** @param value its low 32 bits count */
export function putInt(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** The signed 64-bit number at an offset; exact below 2^53. */
export function getLong(bytes: Uint8Array, at: number): number {
  return getInt(bytes, at + 4) * WORD + (getInt(bytes, at) >>> 0);
}

/** @param value an integer between -2^53 and 2^53 */
export function putLong(bytes: Uint8Array, at: number, value: number): void {
  putInt(bytes, at, value);
  putInt(bytes, at + 4, Math.floor(value / WORD));
}
