// Translated regions: which function stands for which code. A region is known by the address that it begins
// at and the frames that its pages have, so that every process that maps the same code there uses it.
import { Access } from "../engine.ts";
import { type HartMemory, JUMP_BYTES, TABLES } from "../hart_memory.ts";
import type { MemoryAccess } from "../memory_access.ts";
import { State } from "../state.ts";
import { JUMP_ENTRY_BYTES, JUMP_WAYS, jumpSet } from "./support.ts";

/** Functions that are kept: some ten kilobytes each of the host's memory. Beyond, all are made anew. */
const MAX_REGIONS = 16384;

const ENTRY_WORDS = JUMP_ENTRY_BYTES / 4;
const SET_WORDS = ENTRY_WORDS * JUMP_WAYS;

/** A page of a region: its number, as two words of its address, and its frame. */
export interface CodePage {
  low: number;
  high: number;
  frame: number;
}

/** An address where a region may be entered, and its place in the hart's memory. */
export interface RegionEntry {
  low: number;
  high: number;
  place: number;
}

export interface TranslatedRegion {
  entries: RegionEntry[];
  pages: CodePage[];
  /** index of its function in the table */
  index: number;
  /** made quickly; a better one may follow */
  first: boolean;
}

export class CodeCache {
  readonly table = new WebAssembly.Table({
    element: "anyfunc",
    initial: 1024,
    maximum: MAX_REGIONS,
  });
  /** by the places where they are entered */
  readonly #regions = new Map<number, TranslatedRegion[]>();
  readonly #byFrame = new Map<number, Set<TranslatedRegion>>();
  readonly #free: number[] = [];
  #next = 0;

  /** Jump caches are empty once `forgetJumps` has been called for them. */
  constructor(private readonly memory: HartMemory, private readonly access: MemoryAccess) {}

  /** The region that begins at an address, if its pages are what they were. @param place of the address */
  find(low: number, high: number, place: number): TranslatedRegion | undefined {
    return this.#regions.get(place)?.find(({ entries, pages }) =>
      entries.some((entry) => entry.low === low && entry.high === high) &&
      pages.every((page) => this.access.place(page.low, page.high, Access.EXECUTE) === page.frame)
    );
  }

  get full(): boolean {
    return this.#free.length === 0 && this.#next >= MAX_REGIONS;
  }

  add(
    made: Omit<TranslatedRegion, "index">,
    run: WebAssembly.ExportValue & CallableFunction,
  ): TranslatedRegion {
    const index = this.#free.pop() ?? this.#next++;
    if (index >= this.table.length) {
      this.table.grow(Math.min(this.table.length, MAX_REGIONS - index));
    }
    this.table.set(index, run);
    const region = { ...made, index };
    for (const { place } of made.entries) {
      const same = this.#regions.get(place);
      if (same === undefined) this.#regions.set(place, [region]);
      else same.push(region);
    }
    for (const { frame } of made.pages) {
      const inFrame = this.#byFrame.get(frame);
      if (inFrame === undefined) this.#byFrame.set(frame, new Set([region]));
      else inFrame.add(region);
    }
    return region;
  }

  /**
   * From now on the dispatcher finds a region by an address where it is entered, in the current address space.
   * @param times after so many it says that the region is hot
   */
  link(region: TranslatedRegion, low: number, high: number, times: number): void {
    const { words, state } = this.memory;
    const first = words[state + State.JUMPS >> 2] + jumpSet(low) >> 2;
    let at = this.#entry(first, low, high);
    if (at === undefined) {
      // What was entered longest ago, about, makes way for what is found from now on.
      words.copyWithin(first + ENTRY_WORDS, first, first + SET_WORDS - ENTRY_WORDS);
      at = first;
    }
    words[at] = low;
    words[at + 1] = high;
    words[at + 2] = region.index;
    words[at + 3] = times;
  }

  /** Whether the dispatcher finds something at an address, in the current address space. */
  linked(low: number, high: number): boolean {
    const { words, state } = this.memory;
    const first = words[state + State.JUMPS >> 2] + jumpSet(low) >> 2;
    return this.#entry(first, low, high) !== undefined;
  }

  /** @param first of a set, as an index of a word @returns that of the entry of an address */
  #entry(first: number, low: number, high: number): number | undefined {
    const { words } = this.memory;
    for (let at = first; at < first + SET_WORDS; at += ENTRY_WORDS) {
      if (words[at] === low && words[at + 1] === high) return at;
    }
    return undefined;
  }

  /** Empties a jump cache: no address of code is all ones. */
  forgetJumps(jumps: number): void {
    this.memory.words.fill(-1, jumps >> 2, jumps + JUMP_BYTES >> 2);
  }

  /** Drops what was made of the code in a frame. */
  invalidate(frame: number): void {
    const regions = this.#byFrame.get(frame);
    if (regions === undefined) return;
    for (const region of regions) this.drop(region);
  }

  /** Drops a region; where it was linked nothing is found. */
  drop(region: TranslatedRegion): void {
    this.#remove(region);
    const { words } = this.memory;
    for (const { low, high } of region.entries) {
      for (let index = 0; index < TABLES; index++) {
        const first = this.memory.jumps(index) + jumpSet(low) >> 2;
        const at = this.#entry(first, low, high);
        if (at !== undefined && words[at + 2] === region.index) words[at] = words[at + 1] = -1;
      }
    }
  }

  #remove(region: TranslatedRegion): void {
    for (const { frame } of region.pages) {
      const inFrame = this.#byFrame.get(frame);
      inFrame?.delete(region);
      if (inFrame?.size === 0) this.#byFrame.delete(frame);
    }
    for (const { place } of region.entries) {
      const same = this.#regions.get(place)?.filter((each) => each !== region) ?? [];
      if (same.length === 0) this.#regions.delete(place);
      else this.#regions.set(place, same);
    }
    this.table.set(region.index, null);
    this.#free.push(region.index);
  }

  /** Drops everything. */
  clear(): void {
    for (const regions of [...this.#regions.values()]) {
      for (const region of regions) {
        if (this.table.get(region.index) !== null) this.#remove(region);
      }
    }
    for (let index = 0; index < TABLES; index++) this.forgetJumps(this.memory.jumps(index));
  }
}
