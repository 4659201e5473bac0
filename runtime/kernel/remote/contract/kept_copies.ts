// Copies of what calls carry, in buffers that are used again.
import { BufferPool } from "../../buffer_pool.ts";
import type { KeptBytes } from "./kept_bytes.ts";

/** Sizes are powers of two from this on. */
const LEAST_BYTES = 4096;
/** Bytes in buffers that nobody uses. */
const MOST_IDLE_BYTES = 4 << 20;

export class KeptCopies {
  readonly #pool = new BufferPool(LEAST_BYTES, MOST_IDLE_BYTES);

  copy(bytes: Uint8Array): KeptBytes {
    let size = LEAST_BYTES;
    while (size < bytes.length) size *= 2;
    const buffer = this.#pool.take(size), copy = buffer.subarray(0, bytes.length);
    copy.set(bytes);
    return { bytes: copy, release: () => this.#pool.give(buffer) };
  }
}
