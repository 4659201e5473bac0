// Bytes that wait, in the pieces in which they came, and the memory that is given back with each.
import { giveBuffer } from "../frame_buffers.ts";

/** Smaller pieces are worth joining before they are written. */
const JOIN_BYTES = 16 << 10;

interface Piece {
  bytes: Uint8Array;
  /** what the bytes lie in, where nobody else has any in it */
  memory: Uint8Array<ArrayBuffer> | undefined;
}

export class ByteQueue {
  readonly #pieces: Piece[] = [];
  bytes = 0;

  /** @param memory given back when all of the piece is dropped */
  push(bytes: Uint8Array, memory?: Uint8Array<ArrayBuffer>): void {
    if (bytes.length === 0) return;
    this.#pieces.push({ bytes, memory });
    this.bytes += bytes.length;
  }

  /** Bytes from `offset` on, as many as lie in one piece, and at most `most`. */
  at(offset: number, most: number): Uint8Array {
    for (const { bytes } of this.#pieces) {
      if (offset === 0 && bytes.length <= most) return bytes;
      if (offset < bytes.length) return bytes.subarray(offset, offset + most);
      offset -= bytes.length;
    }
    throw new RangeError(`Cannot read at ${offset} behind the end of a queue`);
  }

  /** Forgets the first bytes: nobody looks at them any more. */
  drop(count: number): void {
    this.bytes -= count;
    while (count > 0) {
      const [first] = this.#pieces;
      if (count < first.bytes.length) {
        first.bytes = first.bytes.subarray(count);
        return;
      }
      this.#pieces.shift();
      giveBuffer(first.memory);
      count -= first.bytes.length;
    }
  }

  /** The first bytes, small pieces joined; they stay in the queue. */
  front(): Uint8Array {
    const [first, second] = this.#pieces;
    if (second === undefined || first.bytes.length >= JOIN_BYTES) return first.bytes;
    let count = 0, length = 0;
    while (count < this.#pieces.length && length < JOIN_BYTES) {
      length += this.#pieces[count++].bytes.length;
    }
    const joined = new Uint8Array(length);
    let at = 0;
    for (const { bytes, memory } of this.#pieces.splice(0, count)) {
      joined.set(bytes, at);
      at += bytes.length;
      giveBuffer(memory);
    }
    this.#pieces.unshift({ bytes: joined, memory: undefined });
    return joined;
  }

  /** Forgets everything. Somebody may still look at it: its memory is not used again. */
  clear(): void {
    this.#pieces.length = this.bytes = 0;
  }
}
