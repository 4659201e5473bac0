// A copy of bytes in memory that is used again: an array of its own costs ten times what it takes to copy the
// few bytes that most messages have.

/** What is longer gets memory of its own, so that a connection which is quiet holds little. */
const MOST_BYTES = 1024;
const LEAST_BYTES = 64;

export class ReusedCopy {
  #room = new Uint8Array(0);

  /** @returns a copy, which lasts until the next one is made */
  of(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length > MOST_BYTES) return bytes.slice();
    if (length > this.#room.length) {
      this.#room = new Uint8Array(Math.max(LEAST_BYTES, 2 ** Math.ceil(Math.log2(length))));
    }
    this.#room.set(bytes);
    return this.#room.subarray(0, length);
  }
}
