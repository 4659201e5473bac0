// Large buffers that connections give back as soon as nothing is in them: a thousand idle connections must
// not keep what each of them once needed, and a busy one must not make its buffer anew all the time.

/** Below this a buffer is not worth sharing. */
export const LEAST_SHARED_BYTES = 64 << 10;
/** Bytes kept for the next who needs them. */
const MOST_KEPT_BYTES = 8 << 20;

export class BufferPool {
  #kept = new Map<number, Uint8Array[]>();
  #keptBytes = 0;

  /** A buffer of exactly `size` bytes, with anything in it. */
  take(size: number): Uint8Array {
    const buffer = this.#kept.get(size)?.pop();
    if (buffer === undefined) return new Uint8Array(size);
    this.#keptBytes -= size;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    const size = buffer.length;
    if (size < LEAST_SHARED_BYTES || this.#keptBytes + size > MOST_KEPT_BYTES) return;
    const others = this.#kept.get(size);
    if (others === undefined) this.#kept.set(size, [buffer]);
    else others.push(buffer);
    this.#keptBytes += size;
  }
}
