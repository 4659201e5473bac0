// Writes that nobody waited for and that failed: whom it is told, once, and when.
import { assertEquals } from "@std/assert";
import { E } from "../../errno.ts";
import { Call } from "../../vfs/protocol.ts";
import { PAGE_BYTES } from "./page_pool.ts";
import { FILE, nothing, OTHER, pageOf, worldOfPages, write } from "./testing/pages_world.ts";

Deno.test("a write that failed is told once through each handle that was open: by write, fsync or close", () => {
  const { world, handle } = worldOfPages(4);
  const others = [1, 2, 3].map(() => world.open(FILE)), elsewhere = world.open(OTHER);
  world.writeError = E.EIO;
  assertEquals(write(world, handle, 0, pageOf(9)).status, PAGE_BYTES);
  world.settle();
  world.writeError = 0;
  assertEquals(world.held(handle, 0, PAGE_BYTES), undefined, "what was not written is not kept");
  assertEquals(world.call(Call.FSYNC, [elsewhere], nothing), 0);
  assertEquals(world.call(Call.FSYNC, [handle], nothing), -E.EIO);
  assertEquals(world.call(Call.FSYNC, [handle], nothing), 0);
  assertEquals(world.write(others[0], 0, pageOf(8)), -E.EIO);
  assertEquals(world.write(others[0], 0, pageOf(8)), PAGE_BYTES);
  assertEquals(world.call(Call.FDATASYNC, [others[1]], nothing), -E.EIO);
  assertEquals(world.call(Call.CLOSE, [others[2]], nothing), -E.EIO);
  const late = world.open(FILE);
  assertEquals(world.call(Call.FSYNC, [late], nothing), 0);
});

Deno.test("a write that fails while fsync or close waits for it is told by them", () => {
  for (const number of [Call.FSYNC, Call.CLOSE]) {
    const { world, handle } = worldOfPages(4);
    world.writeError = E.EIO;
    write(world, handle, 0, pageOf(9));
    const call = world.begin(number, [handle], nothing);
    assertEquals(call.status, undefined);
    world.settle();
    assertEquals(call.status, -E.EIO);
  }
});

Deno.test("error: a write that its server did not answer is EIO at the next call that could tell", () => {
  const { world, handle } = worldOfPages(4, "error");
  write(world, handle, 0, pageOf(9));
  world.die();
  world.settle();
  assertEquals(world.call(Call.FSYNC, [handle], nothing), -E.EIO);
});
