// fsync and sync behind writes that nobody waited for: what is told durable is.
import { assertEquals } from "@std/assert";
import { Call } from "../../vfs/protocol.ts";
import { PAGE_BYTES } from "./page_pool.ts";
import {
  FILE,
  nothing,
  numbersOf,
  OTHER,
  pageOf,
  worldOfPages,
  write,
} from "./testing/pages_world.ts";

Deno.test("a sync is sent behind the writes that it is for, and counts if they are answered before it", () => {
  const { world, handle } = worldOfPages(4);
  write(world, handle, 1, new Uint8Array(PAGE_BYTES));
  const sync = world.begin(Call.FSYNC, [handle], nothing);
  world.arrive();
  assertEquals(numbersOf(world), [Call.PWRITE64, Call.FSYNC]);
  world.answer(world.taken[0]);
  world.see();
  assertEquals(sync.status, undefined);
  world.answer(world.taken[0]);
  world.see();
  assertEquals(sync.status, 0);
});

Deno.test("a sync that overtakes a write is asked for again", () => {
  const { world, handle } = worldOfPages(4);
  write(world, handle, 1, pageOf(9));
  const sync = world.begin(Call.FSYNC, [handle], nothing);
  world.arrive();
  world.answer(world.taken[1]);
  world.see();
  world.arrive();
  assertEquals([sync.status, numbersOf(world)], [undefined, [Call.PWRITE64]]);
  world.answer(world.taken[0]);
  world.see();
  world.arrive();
  assertEquals([sync.status, numbersOf(world)], [undefined, [Call.FSYNC]]);
  world.settle();
  assertEquals(sync.status, 0);
});

Deno.test("a sync whose server dies covers the writes that the next one does again", () => {
  const { world, handle } = worldOfPages(4);
  world.makeDurable();
  write(world, handle, 0, pageOf(9));
  const sync = world.begin(Call.FSYNC, [handle], nothing);
  world.arrive();
  world.die();
  while (sync.status === undefined) {
    world.see();
    world.arrive();
    // In the worst order for it.
    if (world.taken.length > 0) world.answer(world.taken.at(-1)!);
  }
  world.die();
  assertEquals(world.files.get(FILE)!.subarray(0, PAGE_BYTES), pageOf(9));
});

Deno.test("fsync of a file does not cross for what was done to others, but for names", () => {
  const { world, handle } = worldOfPages(4);
  const other = world.open(OTHER);
  write(world, handle, 0, pageOf(9));
  world.settle();
  assertEquals(world.begin(Call.FSYNC, [other], nothing).status, 0);
  assertEquals(world.begin(Call.SYNC, [], nothing).status, undefined);
  world.settle();
  world.call(Call.UNLINKAT, [other, 1, 0], new Uint8Array(64));
  assertEquals(world.begin(Call.FSYNC, [handle], nothing).status, undefined);
  world.settle();
});

Deno.test("fsync of what is durable does not cross", () => {
  const { world, handle } = worldOfPages(4);
  write(world, handle, 0, pageOf(9));
  assertEquals(world.call(Call.FSYNC, [handle], nothing), 0);
  assertEquals(world.begin(Call.FSYNC, [handle], nothing).status, 0);
  assertEquals(world.begin(Call.SYNC, [], nothing).status, 0);
  write(world, handle, 0, pageOf(10));
  assertEquals(world.begin(Call.FSYNC, [handle], nothing).status, undefined);
  world.settle();
});
