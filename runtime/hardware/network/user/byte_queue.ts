// Bytes that wait, in the pieces in which they came.

/** Smaller pieces are worth joining before they are written. */
const JOIN_BYTES = 16 << 10;

export class ByteQueue {
  readonly #pieces: Uint8Array[] = [];
  bytes = 0;

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.bytes += piece.length;
  }

  /** Bytes from `offset` on, as many as lie in one piece, and at most `most`. */
  at(offset: number, most: number): Uint8Array {
    for (const piece of this.#pieces) {
      if (offset < piece.length) return piece.subarray(offset, offset + most);
      offset -= piece.length;
    }
    throw new RangeError(`Cannot read at ${offset} behind the end of a queue`);
  }

  /** Forgets the first bytes. */
  drop(count: number): void {
    this.bytes -= count;
    while (count > 0) {
      const [first] = this.#pieces;
      if (count < first.length) {
        this.#pieces[0] = first.subarray(count);
        return;
      }
      this.#pieces.shift();
      count -= first.length;
    }
  }

  /** The first bytes, small pieces joined; they stay in the queue. */
  front(): Uint8Array {
    const [first, second] = this.#pieces;
    if (second === undefined || first.length >= JOIN_BYTES) return first;
    let count = 0, length = 0;
    while (count < this.#pieces.length && length < JOIN_BYTES) {
      length += this.#pieces[count++].length;
    }
    const joined = new Uint8Array(length);
    let at = 0;
    for (const piece of this.#pieces.splice(0, count)) {
      joined.set(piece, at);
      at += piece.length;
    }
    this.#pieces.unshift(joined);
    return joined;
  }

  clear(): void {
    this.#pieces.length = this.bytes = 0;
  }
}
