// Writes that nobody waits for: programs see them done, the server gets them, and who has to wait does.
import { assert, assertEquals } from "@std/assert";
import { O, SEEK } from "../../vfs/constants.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import { PAGE_BYTES } from "./page_pool.ts";
import { FilesWorld } from "./testing/files_world.ts";
import {
  end,
  FILE,
  nothing,
  OTHER,
  pageOf,
  PLENTY,
  worldOfPages,
  write,
} from "./testing/pages_world.ts";

Deno.test("a write that there is room for is done for its caller at once, and at the server soon", () => {
  const { world, handle } = worldOfPages(4);
  const bytes = pageOf(9);
  const { status } = write(world, handle, 2 * PAGE_BYTES, bytes);
  assertEquals(status, PAGE_BYTES);
  bytes.fill(10);
  assertEquals(world.held(handle, 2 * PAGE_BYTES, PAGE_BYTES), pageOf(9));
  assertEquals(world.files.get(FILE)![2 * PAGE_BYTES], 1);
  world.settle();
  assertEquals(world.files.get(FILE)!.subarray(2 * PAGE_BYTES, 3 * PAGE_BYTES), pageOf(9));
});

Deno.test("whoever could tell that a write is under way waits for it, and nobody else", () => {
  for (
    const [number, args, payload, waits] of [
      [Call.PREAD64, [0, 0], new Uint8Array(10), true],
      [Call.PREAD64, [0, PAGE_BYTES - 1], new Uint8Array(2), true],
      [Call.PREAD64, [0, 2 * PAGE_BYTES], new Uint8Array(10), false],
      [Call.PREAD64, [1, 0], new Uint8Array(10), false],
      [Call.PWRITE64, [0, 5, 0], new Uint8Array(3), true],
      [Call.STATX, [0], new Uint8Array(256), true],
      [Call.STATX, [1], new Uint8Array(256), false],
      [Call.FSYNC, [1], nothing, false],
      [Call.FTRUNCATE, [0, 4], nothing, true],
      [Private.OPEN, [0, O.RDWR | O.TRUNC], nothing, true],
      [Private.CREATE, [2, 1, O.RDWR | O.TRUNC, 0], new Uint8Array(64).fill(FILE, 0, 1), true],
      [Call.SYNC, [], nothing, true],
      [Call.FSTATFS, [1], new Uint8Array(128), true],
      [Call.CLOSE, [0], nothing, true],
      [Call.CLOSE, [1], nothing, false],
    ] as [number, number[], Uint8Array, boolean][]
  ) {
    const { world, handle } = worldOfPages(4);
    assertEquals([handle, world.open(OTHER), world.open(9)], [0, 1, 2]);
    assertEquals(write(world, handle, 1, new Uint8Array(PAGE_BYTES)).status, PAGE_BYTES);
    const call = world.begin(number, args, payload);
    world.arrive();
    const asked = world.taken.filter(({ request }) => request.number === number);
    const sent = number === Call.PWRITE64 ? asked.length - 1 : asked.length;
    assertEquals(sent === 0 && call.status === undefined, waits, `${number} ${args}`);
    world.settle();
    assert(call.status! >= 0);
  }
});

Deno.test("a write that makes a file longer shows in its length at once; reads beyond the old end wait", () => {
  const { world, handle } = worldOfPages(1);
  assertEquals(write(world, handle, 3 * PAGE_BYTES, pageOf(9)).status, PAGE_BYTES);
  const position = world.begin(Call.LSEEK, [handle, -1, SEEK.END], nothing);
  assertEquals(position.status, 4 * PAGE_BYTES - 1);
  const hole = world.begin(Call.PREAD64, [handle, PAGE_BYTES], new Uint8Array(10));
  const before = world.begin(Call.PREAD64, [handle, 0], new Uint8Array(10));
  world.arrive();
  assertEquals(world.taken.map(({ request }) => request.number), [Call.PWRITE64, Call.PREAD64]);
  world.settle();
  assertEquals([hole.status, before.status], [10, 10]);
});

Deno.test("a write that is longer than a slot of the ring is several", () => {
  const { world, handle } = worldOfPages(1);
  const bytes = new Uint8Array(3 * world.slotBytes + 100).map((_, index) => index >> 8);
  assertEquals(write(world, handle, 100, bytes).status, bytes.length);
  assertEquals(world.begin(Call.PWRITE64, [handle, 0, 1], bytes).status, bytes.length);
  bytes.fill(0);
  world.settle();
  const written = world.files.get(FILE)!;
  assertEquals(written.length, 100 + 2 * bytes.length);
  for (let index = 0; index < bytes.length; index++) {
    const expected = index >> 8 & 255;
    assertEquals([written[100 + index], written[100 + bytes.length + index]], [expected, expected]);
  }
});

Deno.test("what is appended goes where the file ends, whoever appends", () => {
  const { world, handle } = worldOfPages(1);
  const other = world.open(FILE);
  for (const [index, each] of [handle, other, handle, other].entries()) {
    const bytes = new Uint8Array(100).fill(index);
    assertEquals(world.begin(Call.PWRITE64, [each, 0, 1], bytes).status, 100);
    assertEquals(
      world.begin(Call.LSEEK, [each, 0, SEEK.END], nothing).status,
      PAGE_BYTES + 100 * (index + 1),
    );
  }
  world.arrive();
  while (world.taken.length > 0) world.answer(world.taken.at(-1)!);
  world.settle();
  const expected = [0, 1, 2, 3].flatMap((value) => new Array(100).fill(value));
  assertEquals([...world.files.get(FILE)!.subarray(PAGE_BYTES)], expected);
});

Deno.test("where the end is not known a write is waited for, and the next one finds it out", () => {
  const world = new FilesWorld(64);
  world.spareBytes = PLENTY;
  world.settle();
  world.files.set(FILE, new Uint8Array(10));
  const handle = world.open(FILE);
  for (const waits of [true, true, false]) {
    const call = world.begin(Call.PWRITE64, [handle, 0, 1], new Uint8Array(5));
    assertEquals(call.status === undefined, waits);
    world.settle();
    assertEquals(call.status, 5);
  }
  assertEquals(world.files.get(FILE)!.length, 25);
});

Deno.test("a file that was just made, emptied or cut is written to without waiting", () => {
  const { world, handle } = worldOfPages(4);
  world.call(Call.FTRUNCATE, [handle, 10], nothing);
  assertEquals(write(world, handle, 10, nothing.slice()).status, undefined);
  world.settle();
  assertEquals(write(world, handle, 10, new Uint8Array(5)).status, 5);
  world.settle();
  assertEquals(world.files.get(FILE)!.length, 15);
  world.call(Private.OPEN, [handle, O.RDWR | O.TRUNC], nothing);
  assertEquals(write(world, handle, 0, new Uint8Array(5)).status, 5);
  world.settle();
  assertEquals(world.files.get(FILE)!.length, 5);
});

Deno.test("a handle that is not open for writing is for the server to refuse", () => {
  const { world } = worldOfPages(4);
  const named = world.call(Private.ROOT, [FILE], new Uint8Array(64));
  for (const handle of [world.open(FILE, O.RDONLY), named]) {
    assertEquals(write(world, handle, 0, pageOf(2)).status, undefined);
    world.settle();
  }
});

Deno.test("O_DIRECT, a file that promises nothing and a server without room are waited for", () => {
  const { world } = worldOfPages(4);
  const direct = world.open(FILE, O.RDWR | O.DIRECT);
  assertEquals(write(world, direct, 0, pageOf(2)).status, undefined);
  world.settle();
  world.unsteady.add(OTHER);
  assertEquals(write(world, world.open(OTHER), 0, pageOf(2)).status, undefined);
  world.settle();
  world.spareBytes = PAGE_BYTES;
  const handle = world.open(FILE);
  assertEquals(write(world, handle, 0, pageOf(2)).status, undefined);
  world.settle();
});

Deno.test("more than a bounded number of writes are not under way", () => {
  const world = new FilesWorld(64, 128);
  world.spareBytes = PLENTY;
  world.settle();
  world.files.set(FILE, new Uint8Array(300 * PAGE_BYTES));
  const handle = world.open(FILE);
  end(world, handle);
  let done = 0;
  while (write(world, handle, done * PAGE_BYTES, pageOf(3)).status !== undefined) done++;
  assertEquals(done, 48);
  world.arrive();
  // The one that waits goes on once there are fewer than half as many.
  for (let count = 0; count < 25; count++) world.answer(world.taken[0]);
  world.see();
  world.arrive();
  assertEquals(world.taken.length, 24);
  world.settle();
  assert(world.files.get(FILE)!.subarray(0, 49 * PAGE_BYTES).every((byte) => byte === 3));
});

Deno.test("who writes on and on does not wait for answers that are there already", () => {
  const world = new FilesWorld(64, 128);
  world.spareBytes = PLENTY;
  world.settle();
  world.files.set(FILE, new Uint8Array(300 * PAGE_BYTES));
  const handle = world.open(FILE);
  end(world, handle);
  for (let done = 0; done < 200; done++) {
    assertEquals(write(world, handle, done * PAGE_BYTES, pageOf(3)).status, PAGE_BYTES);
    // The server is fast; the client's loop does not get round to looking.
    world.arrive();
    while (world.taken.length > 0) world.answer(world.taken[0]);
  }
});
