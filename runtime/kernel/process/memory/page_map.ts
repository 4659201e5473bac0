// Which frame each page of an address space has: a sparse map from page numbers to entries, 512 at a time.
import type { Frame } from "./frames.ts";

/** The page is private and its frame may have other users: it is copied before it is written. */
export const COPY_ON_WRITE = 2;
const PRESENT = 1;
const FLAGS = 0xfff;
const CHUNK_PAGES = 512;

/** Frame of an entry. */
export function frameOf(entry: number): Frame {
  return (entry & ~FLAGS) >>> 0;
}

export class PageMap {
  readonly #chunks = new Map<number, Uint32Array>();
  #lastKey = -1;
  #last: Uint32Array | undefined;

  /** Pages that have a frame. */
  count = 0;

  #chunk(page: number): Uint32Array | undefined {
    const key = Math.floor(page / CHUNK_PAGES);
    if (key !== this.#lastKey) {
      this.#last = this.#chunks.get(key);
      this.#lastKey = key;
    }
    return this.#last;
  }

  /** Entry of a page; 0 where it has no frame. */
  get(page: number): number {
    const chunk = this.#chunk(page);
    return chunk === undefined ? 0 : chunk[page % CHUNK_PAGES];
  }

  /** @param flags COPY_ON_WRITE or 0 */
  set(page: number, frame: Frame, flags: number): void {
    let chunk = this.#chunk(page);
    if (chunk === undefined) {
      this.#chunks.set(this.#lastKey, this.#last = chunk = new Uint32Array(CHUNK_PAGES));
    }
    const index = page % CHUNK_PAGES;
    if (chunk[index] === 0) this.count++;
    chunk[index] = frame | PRESENT | flags;
  }

  /** Takes the entry of a page away. @returns what it was */
  take(page: number): number {
    const chunk = this.#chunk(page);
    if (chunk === undefined) return 0;
    const index = page % CHUNK_PAGES;
    const entry = chunk[index];
    if (entry !== 0) this.count--;
    chunk[index] = 0;
    return entry;
  }

  /** Calls `visit` for each page from `start` to before `end` that has a frame, in order. */
  forEach(start: number, end: number, visit: (page: number, entry: number) => void): void {
    const firstKey = Math.floor(start / CHUNK_PAGES), lastKey = Math.floor((end - 1) / CHUNK_PAGES);
    // Whichever is less: the chunks of the range, or those that are there.
    const keys = lastKey - firstKey < this.#chunks.size
      ? Array.from({ length: lastKey - firstKey + 1 }, (_, index) => firstKey + index)
      : [...this.#chunks.keys()].filter((key) => key >= firstKey && key <= lastKey)
        .sort((a, b) => a - b);
    for (const key of keys) {
      const chunk = this.#chunks.get(key);
      if (chunk === undefined) continue;
      const base = key * CHUNK_PAGES;
      const from = Math.max(0, start - base), to = Math.min(CHUNK_PAGES, end - base);
      for (let index = from; index < to; index++) {
        if (chunk[index] !== 0) visit(base + index, chunk[index]);
      }
    }
  }

  /** Forgets chunks; the frames have been given back. */
  clear(): void {
    this.#chunks.clear();
    this.#lastKey = -1;
    this.#last = undefined;
    this.count = 0;
  }
}
