// Translation tables: what turns a virtual address into a place in the hart's memory on every access. A
// table is a direct-mapped cache of an address space's pages, one 64-bit entry per page of 4 GiB:
//
//   63            32 31              12 11    6  5  4  3  2 1 0
//   address 63..32   frame minus page    zero    X  W  R   zero
//
// "frame minus page" is the low 32 bits of (frame address - virtual page address), so that adding it to
// the low half of an address gives the place. An entry of zero translates nothing. The access at address a
// of `size` bytes is allowed where
//   ((entry ^ (a & (HIGH | size-1))) & (HIGH | access | size-1)) == access
// which fails for other pages, missing permission, and addresses that are not aligned.

/** Entries of a table. */
export const TRANSLATION_ENTRIES = 1 << 20;
export const TRANSLATION_BYTES = TRANSLATION_ENTRIES * 8;
export const PAGE_BYTES = 4096;
export const PAGE_SHIFT = 12;

/** Entries that one flag of "touched" stands for: one page of the table. */
const CHUNK_ENTRIES = 512;

export class TranslationTable {
  readonly #words: Int32Array;
  readonly #touched = new Uint8Array(TRANSLATION_ENTRIES / CHUNK_ENTRIES);

  /** @param base where the table begins in the hart's memory */
  constructor(memory: ArrayBufferLike, readonly base: number) {
    this.#words = new Int32Array(memory, base, TRANSLATION_ENTRIES * 2);
  }

  /**
   * @param page virtual address divided by 4096
   * @param frame address of the frame in the hart's memory
   * @param access permissions: bits of `Access`
   */
  set(page: number, frame: number, access: number): void {
    const index = page % TRANSLATION_ENTRIES;
    this.#touched[index / CHUNK_ENTRIES | 0] = 1;
    this.#words[index * 2] = (frame - index * PAGE_BYTES | 0) | access;
    this.#words[index * 2 + 1] = Math.floor(page / TRANSLATION_ENTRIES) | 0;
  }

  /** Takes away what is known of a page. */
  clear(page: number): void {
    const index = page % TRANSLATION_ENTRIES;
    this.#words[index * 2] = 0;
    this.#words[index * 2 + 1] = 0;
  }

  /** Takes away what is known of `count` pages. */
  clearRange(page: number, count: number): void {
    if (count >= TRANSLATION_ENTRIES) return this.clearAll();
    for (let done = 0; done < count;) {
      const index = (page + done) % TRANSLATION_ENTRIES;
      const chunk = index / CHUNK_ENTRIES | 0;
      const part = Math.min(count - done, (chunk + 1) * CHUNK_ENTRIES - index);
      if (this.#touched[chunk] !== 0) this.#words.fill(0, index * 2, (index + part) * 2);
      done += part;
    }
  }

  /** Takes away everything. */
  clearAll(): void {
    for (let chunk = 0; chunk < this.#touched.length; chunk++) {
      if (this.#touched[chunk] === 0) continue;
      this.#words.fill(0, chunk * CHUNK_ENTRIES * 2, (chunk + 1) * CHUNK_ENTRIES * 2);
      this.#touched[chunk] = 0;
    }
  }
}
