// Reads what is to be translated: instructions of the current address space, by their addresses.
import { decode, instructionBytes } from "../decode.ts";
import { Access } from "../engine.ts";
import type { HartMemory } from "../hart_memory.ts";
import type { Instruction } from "../instruction.ts";
import type { MemoryAccess } from "../memory_access.ts";
import { PAGE_BYTES } from "../translation_table.ts";
import type { CodePage } from "./code_cache.ts";

const PAGE_MASK = PAGE_BYTES - 1;

/** Remembers which pages the instructions were on. */
export class CodeReader {
  readonly pages: CodePage[] = [];
  readonly #words = new Map<number, number>();

  constructor(private readonly memory: HartMemory, private readonly access: MemoryAccess) {}

  /** @returns undefined where there is no code now */
  fetch(address: number): Instruction | undefined {
    const known = this.#words.get(address);
    if (known !== undefined) return decode(known);
    const first = this.#half(address);
    if (first === undefined) return undefined;
    let word = first;
    if (instructionBytes(first) === 4) {
      const second = this.#half(address + 2);
      if (second === undefined) return undefined;
      word |= second << 16;
    }
    this.#words.set(address, word);
    return decode(word);
  }

  /** The instruction at an address that was fetched, as it is in memory. */
  word(address: number): number {
    return this.#words.get(address)!;
  }

  /** A copy of what is at an address. @param count bytes, all on a page that was read */
  bytes(address: number, count: number): Uint8Array {
    const place = this.place(address)!;
    return this.memory.bytes.slice(place, place + count);
  }

  /** Where an address is in the hart's memory. @returns undefined where there is no code now */
  place(address: number): number | undefined {
    const low = address | 0, high = Math.floor(address / 2 ** 32);
    const pageLow = low & ~PAGE_MASK;
    let page = this.pages.find((each) => each.low === pageLow && each.high === high);
    if (page === undefined) {
      const frame = this.access.place(pageLow, high, Access.EXECUTE);
      if (frame < 0) return undefined;
      this.pages.push(page = { low: pageLow, high, frame });
    }
    return page.frame + (low & PAGE_MASK);
  }

  #half(address: number): number | undefined {
    const place = this.place(address);
    return place === undefined ? undefined : this.memory.view.getUint16(place, true);
  }
}
