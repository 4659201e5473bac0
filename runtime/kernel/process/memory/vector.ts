// `struct iovec`: pieces of a program's memory, as calls on several of them name them (readv(2)).
import { E, fail } from "../../errno.ts";
import { getInt, getLong } from "../little_endian.ts";

/** Pieces that one call takes, at most: Linux's UIO_MAXIOV. */
export const MAX_VECTOR = 1024;
export const IOVEC_BYTES = 16;

/** Memory of a program. */
export interface Piece {
  address: number;
  /** bytes */
  length: number;
}

/** Reads an array of them. @throws Errno EINVAL for a negative length */
export function readVector(bytes: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < bytes.length; at += IOVEC_BYTES) {
    const length = getLong(bytes, at + 8);
    if (length < 0) fail(E.EINVAL);
    const address = (getInt(bytes, at) >>> 0) + (getInt(bytes, at + 4) >>> 0) * 2 ** 32;
    pieces.push({ address, length });
  }
  return pieces;
}
