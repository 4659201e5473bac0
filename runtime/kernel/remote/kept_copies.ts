// Copies of what calls carry, in buffers that are used again.
import { BufferPool } from "../buffer_pool.ts";

/** Sizes are powers of two from this on. */
const LEAST_BYTES = 4096;
/** Bytes in buffers that nobody uses. */
const MOST_IDLE_BYTES = 4 << 20;

export class KeptCopies {
  readonly #pool = new BufferPool(LEAST_BYTES, MOST_IDLE_BYTES);

  /** A copy of bytes, the caller's until it gives it back. */
  copy(bytes: Uint8Array): Uint8Array {
    let size = LEAST_BYTES;
    while (size < bytes.length) size *= 2;
    const copy = this.#pool.take(size).subarray(0, bytes.length);
    copy.set(bytes);
    return copy;
  }

  /** Takes back what {@link copy} gave; nobody looks at it any more. */
  release({ buffer }: Uint8Array): void {
    this.#pool.give(new Uint8Array(buffer));
  }
}
