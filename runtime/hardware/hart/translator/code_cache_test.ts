// Which of the translated regions the dispatcher finds.
import { assert, assertEquals } from "@std/assert";
import { HartMemory } from "../hart_memory.ts";
import { MemoryAccess } from "../memory_access.ts";
import { PAGE_BYTES } from "../translation_table.ts";
import { CodeCache } from "./code_cache.ts";
import { JUMP_ENTRY_BYTES, jumpSet } from "./support.ts";
import { State } from "../state.ts";

const FRAME = 1 << 28;
const nothing = new WebAssembly.Instance(
  new WebAssembly.Module(
    Uint8Array.of(
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7e, 3, 2, 1, 0],
      ...[7, 5, 1, 1, 0x66, 0, 0, 10, 6, 1, 4, 0, 0x42, 0, 0x0b],
    ),
  ),
).exports.f as WebAssembly.ExportValue & CallableFunction;

function cacheOf(): { cache: CodeCache; add: (low: number) => ReturnType<CodeCache["add"]> } {
  const memory = new HartMemory(1 << 20);
  memory.words[memory.state + State.JUMPS >> 2] = memory.jumps(0);
  const access = new MemoryAccess(memory, { refill: () => false, guardCode: () => {} });
  const cache = new CodeCache(memory, access);
  cache.forgetJumps(memory.jumps(0));
  const add = (low: number) => {
    const page = low - low % PAGE_BYTES;
    const pages = [{ low: page, high: 0, frame: FRAME + page }];
    const entries = [{ low, high: 0, place: FRAME + low }];
    return cache.add({ entries, pages, first: true }, nothing);
  };
  return { cache, add };
}

/** Addresses of the same set. */
const [A, B, C] = Array.from({ length: 1 << 20 }, (_, index) => 0x1_0000 + index * 2)
  .filter((address) => jumpSet(address) === jumpSet(0x1_0000));

Deno.test("two regions of a set are found, the third in place of the one linked first", () => {
  const { cache, add } = cacheOf();
  for (const low of [A, B]) cache.link(add(low), low, 0, 100);
  assert(cache.linked(A, 0) && cache.linked(B, 0));
  cache.link(add(C), C, 0, 100);
  assert(!cache.linked(A, 0) && cache.linked(B, 0) && cache.linked(C, 0));
});

Deno.test("a region that is linked anew is in its set once, and nowhere when it is dropped", () => {
  const { cache, add } = cacheOf();
  const region = add(A);
  cache.link(region, A, 0, 100);
  cache.link(region, A, 0, 200);
  cache.drop(region);
  assert(!cache.linked(A, 0));
});

Deno.test("beginnings of functions have sets of their own", () => {
  const starts = Array.from({ length: 1024 }, (_, index) => 0x1_0000 + index * 64);
  assertEquals(new Set(starts.map(jumpSet)).size, starts.length);
});

Deno.test("a set is within one line of the host's cache", () => {
  assertEquals(64 % (2 * JUMP_ENTRY_BYTES), 0);
});
