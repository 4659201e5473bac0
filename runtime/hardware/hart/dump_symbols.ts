// Names of guest functions: from the dynamic symbols of the ELF image that an address is in, as they are in
// the program's memory (System V ABI, chapter 5; programs without them have no names here).
import { Access } from "./engine.ts";
import type { HartMemory } from "./hart_memory.ts";
import type { MemoryAccess } from "./memory_access.ts";
import { PAGE_BYTES } from "./translation_table.ts";

/** An image's header is looked for so far below its code. */
const MOST_PAGES = 2048;
const MAGIC = 0x464c457f;
const PT_LOAD = 1, PT_DYNAMIC = 2, STT_FUNC = 2;
const DT_STRTAB = 5, DT_SYMTAB = 6;
const SYMBOL_BYTES = 24;
const MOST_SYMBOLS = 20_000, MOST_ENTRIES = 100, LONGEST_NAME = 100;

/** @returns the function that an address is in, as `name+0xoffset` */
export function findSymbol(
  memory: HartMemory,
  access: MemoryAccess,
  address: number,
): string | undefined {
  const read = (at: number, bytes: 1 | 4 | 8): number | undefined => {
    if (at % PAGE_BYTES + bytes > PAGE_BYTES) return undefined;
    const place = access.place(at | 0, Math.floor(at / 2 ** 32), Access.READ);
    if (place < 0) return undefined;
    if (bytes === 1) return memory.bytes[place];
    if (bytes === 4) return memory.view.getUint32(place, true);
    return Number(memory.view.getBigUint64(place, true));
  };
  const base = findBase(read, address);
  if (base === undefined) return undefined;
  const headers = read(base + 32, 8), count = read(base + 56, 4);
  if (headers === undefined || count === undefined) return undefined;
  let bias: number | undefined, dynamic: number | undefined;
  for (let index = 0; index < (count & 0xffff); index++) {
    const header = base + headers + index * 56;
    const type = read(header, 4), at = read(header + 16, 8);
    if (at === undefined) return undefined;
    if (type === PT_LOAD) bias ??= base - at;
    if (type === PT_DYNAMIC) dynamic = at;
  }
  if (bias === undefined || dynamic === undefined) return undefined;
  const tables = new Map<number, number>();
  for (let index = 0; index < MOST_ENTRIES; index++) {
    const tag = read(bias + dynamic + index * 16, 8),
      value = read(bias + dynamic + index * 16 + 8, 8);
    if (tag === undefined || value === undefined || tag === 0) break;
    // The dynamic loader has made addresses of them, in its own way not everywhere.
    tables.set(tag, value < base ? value + bias : value);
  }
  const strings = tables.get(DT_STRTAB), symbols = tables.get(DT_SYMTAB);
  if (strings === undefined || symbols === undefined) return undefined;
  // The string table follows the symbols: that is where they end.
  const most = Math.min(MOST_SYMBOLS, Math.floor((strings - symbols) / SYMBOL_BYTES));
  for (let index = 1; index < most; index++) {
    const symbol = symbols + index * SYMBOL_BYTES;
    const start = read(symbol + 8, 8), size = read(symbol + 16, 8), name = read(symbol, 4);
    if (start === undefined || size === undefined || name === undefined || start === 0) continue;
    const offset = address - bias - start;
    if (offset < 0 || offset >= size || ((read(symbol + 4, 1) ?? 0) & 15) !== STT_FUNC) continue;
    const text = readName(read, strings + name);
    return offset === 0 ? text : `${text}+0x${offset.toString(16)}`;
  }
  return undefined;
}

type Read = (at: number, bytes: 1 | 4 | 8) => number | undefined;

/** The start of the image that an address is in. */
function findBase(read: Read, address: number): number | undefined {
  let page = address - address % PAGE_BYTES;
  for (let count = 0; count < MOST_PAGES && page >= 0; count++, page -= PAGE_BYTES) {
    const word = read(page, 4);
    if (word === undefined && count > 0) return undefined;
    if (word === MAGIC) return page;
  }
  return undefined;
}

function readName(read: Read, at: number): string {
  let text = "";
  for (let index = 0; index < LONGEST_NAME; index++) {
    const byte = read(at + index, 1);
    if (byte === undefined || byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}
