// The mappings of an address space (mmap(2)): what is where, sorted by address, never overlapping.
// Addresses and lengths are in pages here.
import { E, fail } from "../../errno.ts";
import type { PageObject } from "./page_object.ts";

export interface Mapping {
  /** whose it is */
  owner: MappingOwner;
  /** first page */
  start: number;
  /** page after the last */
  end: number;
  /** what is allowed: bits of `Access` */
  access: number;
  /** writes are seen by everybody who maps the object */
  shared: boolean;
  /** where its pages come from; undefined for private memory that begins as zeros */
  object: PageObject | undefined;
  /** page of the object that `start` shows */
  objectPage: number;
  /** what /proc/PID/maps calls it */
  name: string;
  /** shared, and of a descriptor that may not write: mprotect cannot allow it */
  readOnly: boolean;
  /** MADV_DONTFORK: a child does not get it */
  notForked: boolean;
}

/** The address space of a mapping, as the objects that it shows know it. */
export interface MappingOwner {
  /** The next write to a page has to ask again. */
  protect(page: number): void;
  /** The page is not what it was: the next access has to ask again. */
  drop(page: number): void;
}

/** First page after all of user memory (Sv39: 256 GiB). */
export const END_PAGE = 2 ** 26;
/** Pages below are never given out unasked, so that null pointers fault. */
const FIRST_PAGE = 16;

/** Mappings of one address space, as /proc/sys/vm/max_map_count tells: a bound on what a program makes the kernel keep. */
export const MOST_MAPPINGS = 65530;

export class MappingList {
  readonly #mappings: Mapping[] = [];
  /** what is free from here up is in pieces of at most so many pages: the next search need not look again */
  #searched: number;
  #largestAbove = 0;
  /** where the last search ended: accesses cluster */
  #hint = 0;
  /** pages in all mappings */
  pages = 0;

  /** @param top where ranges that are given out end */
  constructor(private readonly top: number) {
    this.#searched = top;
  }

  get all(): readonly Mapping[] {
    return this.#mappings;
  }

  /** Index of the first mapping that ends after a page. */
  #after(page: number): number {
    const mappings = this.#mappings;
    let low = 0, high = mappings.length;
    while (low < high) {
      const middle = low + high >> 1;
      if (mappings[middle].end > page) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The mapping that has a page. */
  find(page: number): Mapping | undefined {
    const hinted = this.#mappings[this.#hint];
    if (hinted !== undefined && page >= hinted.start && page < hinted.end) return hinted;
    const index = this.#after(page);
    const found = this.#mappings[index];
    if (found === undefined || page < found.start) return undefined;
    this.#hint = index;
    return found;
  }

  /** Mappings that overlap a range. */
  overlapping(start: number, end: number): Mapping[] {
    const found: Mapping[] = [];
    for (let index = this.#after(start); index < this.#mappings.length; index++) {
      if (this.#mappings[index].start >= end) break;
      found.push(this.#mappings[index]);
    }
    return found;
  }

  /** Whether every page of a range is mapped. */
  covers(start: number, end: number): boolean {
    let at = start;
    for (const mapping of this.overlapping(start, end)) {
      if (mapping.start > at) return false;
      at = mapping.end;
    }
    return at >= end;
  }

  /** Adds a mapping where there is none; joins it with neighbours that go on the same way. */
  add(mapping: Mapping): Mapping {
    const index = this.#after(mapping.start);
    this.pages += mapping.end - mapping.start;
    const before = this.#mappings[index - 1], after = this.#mappings[index];
    if (before !== undefined && joins(before, mapping)) {
      before.end = mapping.end;
      if (after !== undefined && joins(before, after)) {
        before.end = after.end;
        after.object?.unmapped(after);
        this.#mappings.splice(index, 1);
      }
      return before;
    }
    mapping.object?.mapped(mapping);
    this.#mappings.splice(index, 0, mapping);
    return mapping;
  }

  /** @throws Errno ENOMEM where so many more mappings would be too many */
  demandRoom(more: number): void {
    if (more > 0 && this.#mappings.length + more > MOST_MAPPINGS) fail(E.ENOMEM);
  }

  /**
   * Makes mappings begin and end at the ends of a range.
   * @param go they are taken away then
   * @returns those inside
   * @throws Errno ENOMEM
   */
  isolate(start: number, end: number, go = false): Mapping[] {
    this.demandRoom(this.#cuts(start) + this.#cuts(end) - (go ? 1 : 0));
    this.#split(start);
    this.#split(end);
    return this.overlapping(start, end);
  }

  /** 1 where a page lies within a mapping, and not at its start. */
  #cuts(page: number): number {
    const mapping = this.#mappings[this.#after(page)];
    return mapping !== undefined && mapping.start < page ? 1 : 0;
  }

  #split(page: number): void {
    const index = this.#after(page);
    const mapping = this.#mappings[index];
    if (mapping === undefined || mapping.start >= page) return;
    const rest = { ...mapping, start: page, objectPage: mapping.objectPage + page - mapping.start };
    mapping.end = page;
    rest.object?.mapped(rest);
    this.#mappings.splice(index + 1, 0, rest);
  }

  /** Takes away what is in a range. @returns the mappings that went, cut to the range @throws Errno ENOMEM */
  remove(start: number, end: number): Mapping[] {
    const gone = this.isolate(start, end, true);
    if (gone.length === 0) return gone;
    const index = this.#after(start);
    this.#mappings.splice(index, gone.length);
    this.#searched = Math.max(
      this.#searched,
      Math.min(this.#mappings[index]?.start ?? this.top, this.top),
    );
    for (const mapping of gone) {
      this.pages -= mapping.end - mapping.start;
      mapping.object?.unmapped(mapping);
    }
    return gone;
  }

  /** The highest free range of a size below the top. @returns its start, or -1 */
  freeRange(pages: number): number {
    if (pages <= this.#largestAbove) {
      this.#searched = this.top;
      this.#largestAbove = 0;
    }
    let end = this.#searched;
    for (let index = this.#after(end - 1); index >= 0; index--) {
      const mapping = this.#mappings[index];
      if (mapping === undefined || mapping.start >= end) continue;
      const free = end - mapping.end;
      if (free >= pages) break;
      this.#largestAbove = Math.max(this.#largestAbove, free);
      end = mapping.start;
    }
    this.#searched = end;
    return end - pages >= FIRST_PAGE ? end - pages : -1;
  }

  /** Whether nothing is mapped in a range. */
  isFree(start: number, end: number): boolean {
    return start >= 0 && end <= END_PAGE && this.overlapping(start, end).length === 0;
  }
}

function joins(a: Mapping, b: Mapping): boolean {
  return a.end === b.start && a.access === b.access && a.shared === b.shared &&
    a.object === b.object && a.name === b.name && a.readOnly === b.readOnly &&
    a.notForked === b.notForked &&
    (a.object === undefined || a.objectPage + a.end - a.start === b.objectPage);
}
