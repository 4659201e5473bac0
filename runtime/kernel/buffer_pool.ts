// Large buffers that are given back as soon as nothing is in them, for the next who needs one: to make one of some
// pages takes several times as long as to fill it, and a thousand idle owners must not keep what each once needed.

export class BufferPool {
  readonly #kept = new Map<number, Uint8Array[]>();
  #keptBytes = 0;

  /**
   * @param leastBytes below this a buffer is not worth sharing
   * @param mostKeptBytes bytes kept for the next who needs them
   */
  constructor(private readonly leastBytes: number, private readonly mostKeptBytes: number) {}

  /** A buffer of exactly `size` bytes, with anything in it. */
  take(size: number): Uint8Array {
    const buffer = this.#kept.get(size)?.pop();
    if (buffer === undefined) return new Uint8Array(size);
    this.#keptBytes -= size;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    const size = buffer.length;
    if (size < this.leastBytes || this.#keptBytes + size > this.mostKeptBytes) return;
    const others = this.#kept.get(size);
    if (others === undefined) this.#kept.set(size, [buffer]);
    else others.push(buffer);
    this.#keptBytes += size;
  }
}
