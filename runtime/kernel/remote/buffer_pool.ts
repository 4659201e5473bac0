// Buffers that are used again: to make one of some pages takes several times as long as to fill it.

/** Sizes are powers of two from this on. */
const LEAST_BYTES = 4096;
/** Bytes in buffers that nobody uses. */
const MOST_IDLE_BYTES = 4 << 20;

export class BufferPool {
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;

  /** A copy of bytes, the caller's until it gives it back. */
  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    let size = LEAST_BYTES;
    while (size < bytes.length) size *= 2;
    let buffer = this.#idle.get(size)?.pop();
    if (buffer === undefined) buffer = new ArrayBuffer(size);
    else this.#idleBytes -= size;
    const copy = new Uint8Array(buffer, 0, bytes.length);
    copy.set(bytes);
    return copy;
  }

  /** Takes back what {@link copy} gave; nobody looks at it any more. */
  release({ buffer }: Uint8Array<ArrayBuffer>): void {
    const size = buffer.byteLength;
    if (this.#idleBytes + size > MOST_IDLE_BYTES) return;
    this.#idleBytes += size;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [buffer]);
    else idle.push(buffer);
  }
}
