// The content of a file in memory: pages where something was written or asked for, and zeros elsewhere.
import type { Coroutine } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";

export const PAGE_BYTES = 4096;
/** Pages that are made at a time before others have their turn. */
const PAGES_A_TURN = 1024;

/** Whose memory pages are. */
export interface PageOwner {
  readonly environment: Environment;
  /** takes (or gives back, negative) pages of 4096 bytes. @throws Errno ENOSPC */
  charge(pages: number): void;
}

export class FilePages {
  readonly #pages = new Map<number, Uint8Array>();

  /** @param attributes of the file, whose blocks of 512 bytes are counted as pages come and go */
  constructor(
    private readonly owner: PageOwner,
    private readonly attributes: { blocks: number },
  ) {}

  /** Fills the first `count` bytes of `into` with what is at an offset. */
  read(offset: number, into: Uint8Array, count: number): void {
    for (let done = 0; done < count;) {
      const within = (offset + done) % PAGE_BYTES;
      const length = Math.min(PAGE_BYTES - within, count - done);
      const page = this.#pages.get(Math.floor((offset + done) / PAGE_BYTES));
      if (page === undefined) into.fill(0, done, done + length);
      else if (length === PAGE_BYTES && into.length === PAGE_BYTES) into.set(page);
      else into.set(page.subarray(within, within + length), done);
      done += length;
    }
  }

  /** @returns the bytes written: fewer where memory ends after the first page @throws Errno ENOSPC */
  write(offset: number, from: Uint8Array): number {
    let done = 0;
    while (done < from.length) {
      const index = Math.floor((offset + done) / PAGE_BYTES);
      const within = (offset + done) % PAGE_BYTES;
      const length = Math.min(PAGE_BYTES - within, from.length - done);
      let page = this.#pages.get(index);
      if (page === undefined) {
        try {
          this.owner.charge(1);
          page = this.#addCharged(index);
        } catch (failure) {
          if (done === 0) throw failure;
          break;
        }
      }
      page.set(length === from.length ? from : from.subarray(done, done + length), within);
      done += length;
    }
    return done;
  }

  #addCharged(index: number): Uint8Array {
    const page = new Uint8Array(PAGE_BYTES);
    this.#pages.set(index, page);
    this.attributes.blocks += PAGE_BYTES / 512;
    return page;
  }

  /** Gives the pages of a range back: of the first to before `beyond`. */
  #drop(first: number, beyond: number): void {
    for (const index of [...this.#pages.keys()]) {
      if (index < first || index >= beyond) continue;
      this.#pages.delete(index);
      this.owner.charge(-1);
      this.attributes.blocks -= PAGE_BYTES / 512;
    }
  }

  /** Nothing is left from an offset on. */
  cut(sizeBytes: number): void {
    this.#drop(Math.ceil(sizeBytes / PAGE_BYTES), Infinity);
    this.#pages.get(Math.floor(sizeBytes / PAGE_BYTES))?.fill(0, sizeBytes % PAGE_BYTES);
  }

  /** Nothing is left of a range; pages that are inside it as a whole are given back. */
  clear(offset: number, end: number): void {
    const first = Math.ceil(offset / PAGE_BYTES), beyond = Math.floor(end / PAGE_BYTES);
    if (first < beyond) this.#drop(first, beyond);
    this.#zero(offset, Math.min(end, first * PAGE_BYTES));
    this.#zero(Math.max(offset, beyond * PAGE_BYTES), end);
  }

  /** Zeroes a range inside one page. */
  #zero(from: number, to: number): void {
    if (from >= to) return;
    const within = from % PAGE_BYTES;
    this.#pages.get(Math.floor(from / PAGE_BYTES))?.fill(0, within, within + to - from);
  }

  /** Gives a range pages: all that it lacks are asked for before the first is made. @throws Errno ENOSPC */
  *fill(offset: number, end: number): Coroutine<void> {
    const first = Math.floor(offset / PAGE_BYTES), beyond = Math.ceil(end / PAGE_BYTES);
    let lacking = beyond - first;
    for (const index of this.#pages.keys()) if (index >= first && index < beyond) lacking--;
    this.owner.charge(lacking);
    try {
      for (let index = first, made = 0; index < beyond; index++) {
        if (this.#pages.has(index)) continue;
        // What another took away meanwhile was given back, and is asked for again.
        if (lacking > 0) lacking--;
        else this.owner.charge(1);
        this.#addCharged(index);
        if (++made % PAGES_A_TURN === 0) yield* this.owner.environment.tasks.pause();
      }
    } finally {
      this.owner.charge(-lacking);
    }
  }

  /** Where data begins at or after an offset, in bytes; Infinity where there is none. */
  nextData(offset: number): number {
    let next = Infinity;
    for (const index of this.#pages.keys()) {
      if ((index + 1) * PAGE_BYTES > offset) {
        next = Math.min(next, Math.max(offset, index * PAGE_BYTES));
      }
    }
    return next;
  }

  /** Where a hole begins at or after an offset; `sizeBytes` or more where there is none before it. */
  nextHole(offset: number, sizeBytes: number): number {
    let at = offset;
    while (at < sizeBytes && this.#pages.has(Math.floor(at / PAGE_BYTES))) {
      at = (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES;
    }
    return at;
  }

  /** The file is gone. */
  release(): void {
    this.owner.charge(-this.#pages.size);
    this.#pages.clear();
  }
}
