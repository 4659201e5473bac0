// Which memory of a process a core has (core(5), "Controlling which mappings are written", with Linux's own choice):
// what is private to it or shared with others but of no file, and the first page of programs and libraries, which
// tells a debugger which they are.
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import type { Coroutine } from "../../coroutine.ts";
import type { AddressSpace } from "../memory/address_space.ts";
import { copyForeign } from "../memory/foreign_memory.ts";
import type { Mapping } from "../memory/mapping.ts";
import { COPY_ON_WRITE } from "../memory/page_map.ts";

/** Pages that are written at once. */
const MOST_PAGES = 64;
const ELF_MAGIC = 0x7f45_4c46;

/** A mapping, and how much of it the core has: pages from its start on. */
export interface Segment {
  mapping: Mapping;
  pages: number;
}

/** All mappings of a process, in order. */
export function* segmentsOf(space: AddressSpace): Coroutine<Segment[]> {
  const segments: Segment[] = [];
  for (const mapping of space.mappings.all) {
    segments.push({ mapping, pages: yield* pagesOf(space, mapping) });
  }
  return segments;
}

function* pagesOf(space: AddressSpace, mapping: Mapping): Coroutine<number> {
  const { start, end, object, objectPage, shared, name } = mapping;
  const all = end - start;
  if (object === undefined || name === "[vdso]") return all;
  if (shared) return object.file === undefined ? all : 0;
  let changed = false;
  space.pages.forEach(start, end, (_page, entry) => changed ||= (entry & COPY_ON_WRITE) === 0);
  if (changed) return all;
  if (objectPage !== 0 || (mapping.access & Access.READ) === 0) return 0;
  const magic = new Uint8Array(4);
  yield* copyForeign(space, start * PAGE_BYTES, magic, { write: false, forced: true });
  return new DataView(magic.buffer).getUint32(0) === ELF_MAGIC ? 1 : 0;
}

/** Whether a page has something in it that zeros are not: what was never touched need not be written. */
function isThere(space: AddressSpace, { object, shared }: Mapping, page: number): boolean {
  return object !== undefined && !shared || space.pages.get(page) !== 0;
}

/**
 * Calls `write` with what is in a segment, piece by piece; pages of zeros are left out.
 * @param write bytes, so many behind the start of the segment; answers false to have no more
 * @returns whether all was written
 */
export function* eachPiece(
  space: AddressSpace,
  { mapping, pages }: Segment,
  write: (bytes: Uint8Array, offset: number) => Coroutine<boolean>,
): Coroutine<boolean> {
  const { start } = mapping;
  const room = new Uint8Array(MOST_PAGES * PAGE_BYTES);
  for (let at = 0; at < pages;) {
    if (!isThere(space, mapping, start + at)) {
      at++;
      continue;
    }
    let count = 1;
    while (
      at + count < pages && count < MOST_PAGES && isThere(space, mapping, start + at + count)
    ) {
      count++;
    }
    // What cannot be read, as beyond the end of a file, is zeros.
    const bytes = room.subarray(0, count * PAGE_BYTES);
    const address = (start + at) * PAGE_BYTES;
    const copied = yield* copyForeign(space, address, bytes, { write: false, forced: true });
    if (copied > 0 && !(yield* write(bytes.subarray(0, copied), at * PAGE_BYTES))) return false;
    at += Math.max(1, Math.ceil(copied / PAGE_BYTES));
  }
  return true;
}
