// Bytes that grow as they are written, with the numbers of WebAssembly's encoding.

/** A length in as many bytes as the longest has. */
const SIZE = [0, 0, 0, 0, 0];

/** Bytes that are being written. */
export class Writer {
  #buffer: Uint8Array<ArrayBuffer>;
  length = 0;

  /** @param room for so many bytes at first: small ones are cheap, others should seldom grow */
  constructor(room = 64) {
    this.#buffer = new Uint8Array(room);
  }

  /** What has been written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.length);
  }

  #grow(least: number): void {
    const larger = new Uint8Array(Math.max(least, this.#buffer.length * 4));
    larger.set(this.bytes);
    this.#buffer = larger;
  }

  byte(value: number): this {
    if (this.length === this.#buffer.length) this.#grow(0);
    this.#buffer[this.length++] = value;
    return this;
  }

  all(values: ArrayLike<number>): this {
    const end = this.length + values.length;
    if (end > this.#buffer.length) this.#grow(end);
    this.#buffer.set(values, this.length);
    this.length = end;
    return this;
  }

  /** Changes a byte that has been written. */
  patch(at: number, value: number): void {
    this.#buffer[at] = value;
  }

  /** Keeps what was written, and no room for more. */
  trim(): this {
    this.#buffer = this.bytes.slice();
    return this;
  }

  /** LEB128 of an unsigned number below 2^32. */
  unsigned(value: number): this {
    value >>>= 0;
    while (value >= 0x80) {
      this.byte(value & 0x7f | 0x80);
      value >>>= 7;
    }
    return this.byte(value);
  }

  /** LEB128 of an integer: 64 bits as a bigint, exact ones as a number. */
  signed(value: number | bigint): this {
    if (typeof value === "bigint") {
      if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
        return this.#signed64(value);
      }
      value = Number(value);
    }
    for (;;) {
      const rest = Math.floor(value / 128);
      const low = value - rest * 128;
      value = rest;
      if (rest === 0 && low < 0x40 || rest === -1 && low >= 0x40) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  #signed64(value: bigint): this {
    for (;;) {
      const low = Number(value & 0x7fn);
      value >>= 7n;
      if (value === 0n && low < 0x40 || value === -1n && low >= 0x40) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  name(text: string): this {
    this.unsigned(text.length);
    for (let index = 0; index < text.length; index++) this.byte(text.charCodeAt(index));
    return this;
  }

  append(other: Writer): this {
    return this.all(other.bytes);
  }

  /** What `write` writes, with its length before it. */
  sized(write: () => void): this {
    const at = this.length;
    this.all(SIZE);
    write();
    let size = this.length - at - SIZE.length;
    for (let index = 0; index < SIZE.length; index++, size >>>= 7) {
      this.#buffer[at + index] = size & 0x7f | (index < SIZE.length - 1 ? 0x80 : 0);
    }
    return this;
  }
}
