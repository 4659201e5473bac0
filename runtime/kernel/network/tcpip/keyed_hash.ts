// HalfSipHash-2-4 (Aumasson and Bernstein), 64-bit key: what must not be guessed from outside, such as
// initial sequence numbers (RFC 6528) and places in hash tables.

export class KeyedHash {
  readonly #key0: number;
  readonly #key1: number;

  /** @param random fills with random bytes */
  constructor(random: (into: Uint8Array) => void) {
    const key = new Uint32Array(2);
    random(new Uint8Array(key.buffer));
    this.#key0 = key[0] | 0;
    this.#key1 = key[1] | 0;
  }

  /** The hash of `words`, a signed 32-bit number. */
  of(words: ArrayLike<number>): number {
    let v0 = this.#key0, v1 = this.#key1;
    let v2 = 0x6c796765 ^ this.#key0, v3 = 0x74656462 ^ this.#key1;
    const round = () => {
      v0 = v0 + v1 | 0;
      v1 = (v1 << 5 | v1 >>> 27) ^ v0;
      v0 = v0 << 16 | v0 >>> 16;
      v2 = v2 + v3 | 0;
      v3 = (v3 << 8 | v3 >>> 24) ^ v2;
      v0 = v0 + v3 | 0;
      v3 = (v3 << 7 | v3 >>> 25) ^ v0;
      v2 = v2 + v1 | 0;
      v1 = (v1 << 13 | v1 >>> 19) ^ v2;
      v2 = v2 << 16 | v2 >>> 16;
    };
    for (let index = 0; index <= words.length; index++) {
      const word = index < words.length ? words[index] : words.length << 26;
      v3 ^= word;
      round();
      round();
      v0 ^= word;
    }
    v2 ^= 0xff;
    for (let index = 0; index < 4; index++) round();
    return v1 ^ v3;
  }
}
