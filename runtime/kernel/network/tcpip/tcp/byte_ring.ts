// The bytes of a stream between two offsets, in a ring that grows with what is in it. Whoever uses it knows
// the offsets; bytes may be placed beyond a gap that is filled later.
import { BufferPool } from "../../../buffer_pool.ts";
import { copyBytes } from "../bytes.ts";

const NO_BYTES = new Uint8Array(0);
const LEAST_BYTES = 2048;
/** Below this a ring keeps its buffer, in case there is more. */
const LEAST_SHARED_BYTES = 64 << 10;
/** Bytes kept for the next ring that needs them. */
const MOST_KEPT_BYTES = 8 << 20;

/** The buffers that the rings of a stack share. */
export function ringBuffers(): BufferPool {
  return new BufferPool(LEAST_SHARED_BYTES, MOST_KEPT_BYTES);
}

export class ByteRing {
  #bytes: Uint8Array = NO_BYTES;
  #mask = -1;

  /** @param fixed a power of two of bytes, to be used as long as they are enough: whoever gives them has them */
  constructor(private readonly pool: BufferPool, private readonly fixed: Uint8Array = NO_BYTES) {
    this.#bytes = fixed;
    this.#mask = fixed.length - 1;
  }

  /** Whether everything is in the bytes that were given. */
  get inFixed(): boolean {
    return this.#bytes === this.fixed;
  }

  /** Makes room for all offsets in `[start, end)`, and keeps what is there. */
  reserve(start: number, end: number): void {
    const wanted = end - start;
    if (wanted <= this.#bytes.length) return;
    let size = Math.max(LEAST_BYTES, this.#bytes.length);
    while (size < wanted) size *= 2;
    const bytes = this.pool.take(size), mask = size - 1;
    const old = this.#bytes;
    // Every byte goes to its offset's place in the larger ring.
    if (old.length > 0) {
      let offset = start;
      const stop = start + old.length;
      while (offset < stop) {
        const from = offset & this.#mask, to = offset & mask;
        const count = Math.min(stop - offset, old.length - from, size - to);
        copyBytes(old, from, bytes, to, count);
        offset += count;
      }
    }
    this.#bytes = bytes;
    this.#mask = mask;
    if (old !== this.fixed) this.pool.give(old);
  }

  /** Places `count` bytes at a stream offset, for which there is room. */
  write(offset: number, data: Uint8Array, at: number, count: number): void {
    if (count === 0) return;
    const place = offset & this.#mask;
    const first = Math.min(count, this.#bytes.length - place);
    copyBytes(data, at, this.#bytes, place, first);
    if (first < count) copyBytes(data, at + first, this.#bytes, 0, count - first);
  }

  read(offset: number, into: Uint8Array, at: number, count: number): void {
    if (count === 0) return;
    const place = offset & this.#mask;
    const first = Math.min(count, this.#bytes.length - place);
    copyBytes(this.#bytes, place, into, at, first);
    if (first < count) copyBytes(this.#bytes, 0, into, at + first, count - first);
  }

  /** Nothing is in it at the moment: gives the memory back where it is much. */
  emptied(): void {
    if (this.#bytes.length >= LEAST_SHARED_BYTES && !this.inFixed) this.release();
  }

  /** Gives the memory back. */
  release(): void {
    if (!this.inFixed) this.pool.give(this.#bytes);
    this.#bytes = NO_BYTES;
    this.#mask = -1;
  }
}
