// How the hart's slow paths reach memory: accesses that the inline check of a translation refuses, because
// the page has no translation yet, the address is not aligned, or the access crosses into another page.
// 64-bit values come as two halves of 32 bits.
import { Access, type Pager } from "./engine.ts";
import type { HartMemory } from "./hart_memory.ts";
import { State } from "./state.ts";
import { PAGE_BYTES, PAGE_SHIFT } from "./translation_table.ts";

const PAGE_MASK = PAGE_BYTES - 1;

export class MemoryAccess {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #state: number;
  /** where a value that lies on two pages is put together */
  readonly #scratch: number;

  constructor(readonly memory: HartMemory, private readonly pager: Pager) {
    this.#words = memory.words;
    this.#bytes = memory.bytes;
    this.#view = memory.view;
    this.#state = memory.state;
    this.#scratch = memory.state + State.ENGINE;
  }

  /**
   * Where an access goes, asking the pager if need be. The access must not cross a page.
   * @returns the place in the hart's memory, or -1 after a fault, which the state block describes
   */
  place(low: number, high: number, access: Access): number {
    const words = this.#words;
    const table = words[this.#state + State.TRANSLATIONS >> 2] >>> 2;
    const entry = table + (low >>> PAGE_SHIFT << 1);
    if (words[entry + 1] !== high || (words[entry] & access) === 0) {
      if (!this.#refill(low, high, access)) return -1;
    }
    return (words[entry] & ~PAGE_MASK) + low >>> 0;
  }

  #refill(low: number, high: number, access: Access): boolean {
    const page = (high >>> 0) * 2 ** (32 - PAGE_SHIFT) + (low >>> PAGE_SHIFT);
    return this.pager.refill(page, access) || this.fault(low, high, access);
  }

  /** Records a fault. */
  fault(low: number, high: number, access: Access): false {
    const at = this.#state >> 2;
    this.#words[at + (State.FAULT_ADDRESS >> 2)] = low;
    this.#words[at + (State.FAULT_ADDRESS >> 2) + 1] = high;
    this.#words[at + (State.FAULT_ACCESS >> 2)] = access;
    return false;
  }

  /** Where the bytes of a load are: in place, or put together. @returns -1 after a fault */
  load(low: number, high: number, size: number): number {
    const first = this.place(low, high, Access.READ);
    const part = PAGE_BYTES - (low & PAGE_MASK);
    if (first < 0 || part >= size) return first;
    const next = nextPage(low, high);
    const second = this.place(next.low, next.high, Access.READ);
    if (second < 0) return -1;
    this.#bytes.copyWithin(this.#scratch, first, first + part);
    this.#bytes.copyWithin(this.#scratch + part, second, second + size - part);
    return this.#scratch;
  }

  /** Stores the lowest `size` bytes of a value. @returns whether it did; nothing is written after a fault */
  store(low: number, high: number, size: number, valueLow: number, valueHigh: number): boolean {
    const first = this.place(low, high, Access.WRITE);
    if (first < 0) return false;
    const part = PAGE_BYTES - (low & PAGE_MASK);
    if (part >= size) {
      if (size === 8) {
        this.#view.setInt32(first, valueLow, true);
        this.#view.setInt32(first + 4, valueHigh, true);
      } else if (size === 4) this.#view.setInt32(first, valueLow, true);
      else if (size === 2) this.#view.setInt16(first, valueLow, true);
      else this.#bytes[first] = valueLow;
      return true;
    }
    const next = nextPage(low, high);
    const second = this.place(next.low, next.high, Access.WRITE);
    if (second < 0) return false;
    this.#view.setInt32(this.#scratch, valueLow, true);
    this.#view.setInt32(this.#scratch + 4, valueHigh, true);
    this.#bytes.copyWithin(first, this.#scratch, this.#scratch + part);
    this.#bytes.copyWithin(second, this.#scratch + part, this.#scratch + size);
    return true;
  }
}

function nextPage(low: number, high: number): { low: number; high: number } {
  const next = (low | PAGE_MASK) + 1 | 0;
  return { low: next, high: next === 0 ? high + 1 | 0 : high };
}
