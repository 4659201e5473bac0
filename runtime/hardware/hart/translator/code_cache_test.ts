// Which of the translated regions the dispatcher finds.
import { assert, assertEquals } from "@std/assert";
import { HartMemory } from "../hart_memory.ts";
import { MemoryAccess } from "../memory_access.ts";
import { PAGE_BYTES } from "../translation_table.ts";
import { CodeCache } from "./code_cache.ts";
import { JUMP_ENTRY_BYTES, JUMP_WAYS, jumpSet } from "./support.ts";
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

/** Addresses of the same set, one more than it has room for. */
const SAME = Array.from({ length: 1 << 20 }, (_, index) => 0x1_0000 + index * 2)
  .filter((address) => jumpSet(address) === jumpSet(0x1_0000)).slice(0, JUMP_WAYS + 1);
const [A] = SAME;

Deno.test("all regions of a set are found, one more in place of the one linked first", () => {
  const { cache, add } = cacheOf();
  const link = (low: number) => cache.link(add(low), low, 0, 100);
  const linked = () => SAME.map((low) => cache.linked(low, 0));
  SAME.slice(0, JUMP_WAYS).forEach(link);
  assertEquals(linked(), [true, true, true, true, false]);
  link(SAME[JUMP_WAYS]);
  assertEquals(linked(), [false, true, true, true, true]);
});

Deno.test("a region that is linked anew is in its set once, and nowhere when it is dropped", () => {
  const { cache, add } = cacheOf();
  const region = add(A);
  cache.link(region, A, 0, 100);
  cache.link(region, A, 0, 200);
  cache.drop(region);
  assert(!cache.linked(A, 0));
});

Deno.test("beginnings of functions take half of their sets at most", () => {
  const starts = Array.from({ length: 1024 }, (_, index) => 0x1_0000 + index * 64);
  for (const [, same] of Map.groupBy(starts, jumpSet)) assert(same.length <= JUMP_WAYS / 2);
});

Deno.test("a set is within one line of the host's cache", () => {
  assertEquals(64 % (JUMP_WAYS * JUMP_ENTRY_BYTES), 0);
});
