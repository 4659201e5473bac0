// The pages that a program may write to at this moment, for an engine that executes a piece of it twice: it
// sees memory through a translation table of the engine's own, in which few pages are writable. Those are
// kept as they were, so that what was written can be compared and undone.
import { Access, type Pager } from "./engine.ts";
import type { HartMemory } from "./hart_memory.ts";
import { State } from "./state.ts";
import { PAGE_BYTES, TRANSLATION_ENTRIES } from "./translation_table.ts";

/** Pages that are writable at once: copying and comparing them is most of what a piece costs. */
const MOST_WRITABLE = 8;
const WORDS = PAGE_BYTES / 4;

interface WrittenPage {
  page: number;
  frame: number;
  /** what it held where the piece began */
  before: Int32Array;
  /** what it held where the piece ended the first time */
  after: Int32Array;
}

export class WrittenPages implements Pager {
  readonly #words: Int32Array;
  /** words of the entries that the table has */
  readonly #entries = new Set<number>();
  #pages: WrittenPage[] = [];
  #theirs = 0;

  constructor(private readonly memory: HartMemory, private readonly pager: Pager) {
    this.#words = memory.words;
  }

  /** The program sees memory through the engine's table, which is empty. */
  enter(): void {
    const at = this.memory.state + State.TRANSLATIONS >> 2;
    this.#theirs = this.#words[at];
    this.#words[at] = this.memory.spareTranslations;
    this.#pages = [];
    this.#clear();
  }

  /** The kernel goes on with the table that it had. */
  leave(): void {
    this.#words[this.memory.state + State.TRANSLATIONS >> 2] = this.#theirs;
  }

  /** Takes every translation away. */
  #clear(): void {
    for (const entry of this.#entries) this.#words[entry] = this.#words[entry + 1] = 0;
    this.#entries.clear();
  }

  /** A piece begins: what it will write to is kept. */
  begin(): void {
    while (this.#pages.length > MOST_WRITABLE) {
      const { page } = this.#pages.shift()!;
      this.#words[this.#entry(page)] &= ~Access.WRITE;
    }
    for (const page of this.#pages) {
      page.before.set(this.#contents(page));
      page.after.set(page.before);
    }
  }

  /** The piece was executed once: what it wrote is remembered, and undone. */
  undo(): void {
    for (const page of this.#pages) {
      const contents = this.#contents(page);
      page.after.set(contents);
      contents.set(page.before);
    }
  }

  /** Undoes without remembering. */
  restore(): void {
    for (const page of this.#pages) this.#contents(page).set(page.before);
  }

  /**
   * The first word that the two executions left different.
   * @returns its address and both values, those of the first execution first
   */
  difference(): { address: bigint; first: number; second: number } | undefined {
    for (const page of this.#pages) {
      const second = this.#contents(page), first = page.after;
      for (let at = 0; at < WORDS; at++) {
        if (first[at] === second[at]) continue;
        const address = BigInt(page.page) * BigInt(PAGE_BYTES) + BigInt(at * 4);
        return { address, first: first[at], second: second[at] };
      }
    }
    return undefined;
  }

  refill(page: number, access: Access): boolean {
    if (!this.pager.refill(page, access)) return false;
    const entry = this.#entry(page);
    const theirs = (this.#theirs >>> 2) + page % TRANSLATION_ENTRIES * 2;
    const translation = this.#words[theirs];
    const kept = this.#pages.findIndex((each) => this.#entry(each.page) === entry);
    const known = kept >= 0 && this.#pages[kept].page === page &&
      this.#pages[kept].frame === this.#frame(page, translation);
    // Another page, or another frame, has taken the entry.
    if (kept >= 0 && !known) this.#pages.splice(kept, 1);
    const writable = known || access === Access.WRITE;
    this.#words[entry] = writable ? translation : translation & ~Access.WRITE;
    this.#words[entry + 1] = this.#words[theirs + 1];
    this.#entries.add(entry);
    if (writable && !known) {
      const frame = this.#frame(page, translation);
      const before = this.#words.slice(frame >>> 2, (frame >>> 2) + WORDS);
      this.#pages.push({ page, frame, before, after: before.slice() });
    }
    return true;
  }

  guardCode(frame: number): void {
    this.pager.guardCode(frame);
    // What is known of the pages stays: a piece may be under way.
    this.#clear();
  }

  #entry(page: number): number {
    return (this.memory.spareTranslations >>> 2) + page % TRANSLATION_ENTRIES * 2;
  }

  #frame(page: number, translation: number): number {
    return (translation & -PAGE_BYTES) + page % TRANSLATION_ENTRIES * PAGE_BYTES >>> 0;
  }

  #contents({ frame }: WrittenPage): Int32Array {
    return this.#words.subarray(frame >>> 2, (frame >>> 2) + WORDS);
  }
}
