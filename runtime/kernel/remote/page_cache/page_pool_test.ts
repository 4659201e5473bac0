// Frames of pages that are kept: what is held stays as it is, and is free again once it is given back.
import { assertEquals } from "@std/assert";
import { CachedFile } from "./cached_file.ts";
import { PAGE_BYTES, PagePool } from "./page_pool.ts";

const FRAMES = 4;

function poolOf(frames: number): PagePool {
  const pool = new PagePool();
  pool.provide(new Uint8Array(frames * PAGE_BYTES));
  return pool;
}

function filled(value: number, pages = 1): Uint8Array<ArrayBuffer> {
  return new Uint8Array(pages * PAGE_BYTES).fill(value);
}

function contentOf(pool: PagePool, file: CachedFile, page: number): number {
  const into = new Uint8Array(1);
  assertEquals(pool.read(file, page * PAGE_BYTES, into), 1);
  return into[0];
}

Deno.test("pages that are held stay as they are, whatever is written to them", () => {
  const pool = poolOf(FRAMES), file = new CachedFile(0);
  pool.keep(file, 0, filled(1));
  pool.keep(file, 1, filled(2));
  const held = pool.hold(file, 0, 2)!;
  pool.write(file, 0, 0, filled(3));
  pool.write(file, 1, 100, filled(4).subarray(0, 10));
  const expected = filled(1, 2);
  expected.fill(2, PAGE_BYTES);
  assertEquals(held.bytes, expected);
  assertEquals([contentOf(pool, file, 0), contentOf(pool, file, 1)], [3, 2]);
  const into = new Uint8Array(1);
  pool.read(file, PAGE_BYTES + 105, into);
  assertEquals(into, Uint8Array.of(4));
  assertEquals(pool.hasFree, false);
  held.release();
  assertEquals(pool.hasFree, true);
});

Deno.test("a frame that is held goes to nobody else, and is its file's as long as that keeps the page", () => {
  const pool = poolOf(FRAMES), file = new CachedFile(0), other = new CachedFile(1);
  for (let page = 0; page < FRAMES; page++) pool.keep(file, page, filled(page + 1));
  const held = pool.hold(file, 0, FRAMES)!, again = pool.hold(file, 0, 1)!;
  pool.keep(other, 0, filled(9));
  assertEquals(other.frames.size, 0);
  // Without a frame for what is written the page is not kept any more.
  pool.write(file, 2, 0, filled(9));
  assertEquals([...file.frames.keys()], [0, 1, 3]);
  pool.drop(file, 0);
  held.release();
  assertEquals(again.bytes, filled(1));
  // One is free, one held, and of two the first is had by taking its page away.
  for (let page = 0; page < 2; page++) pool.keep(other, page, filled(8));
  assertEquals([contentOf(pool, other, 0), contentOf(pool, other, 1)], [8, 8]);
  assertEquals([...file.frames.keys()], [3]);
  assertEquals(again.bytes, filled(1));
  again.release();
  pool.dropAll(file);
  pool.dropAll(other);
  for (let page = 0; page < FRAMES; page++) pool.keep(other, page, filled(7));
  assertEquals([other.frames.size, new Set(other.frames.values()).size], [FRAMES, FRAMES]);
});

Deno.test("only what lies in a row is held", () => {
  const pool = poolOf(FRAMES), file = new CachedFile(0);
  for (const page of [0, 2, 1]) pool.keep(file, page, filled(page));
  assertEquals(pool.hold(file, 0, 3), undefined);
  assertEquals(pool.hold(file, 2, 2), undefined);
  assertEquals(pool.hold(file, 1, 1)!.bytes, filled(1));
});

Deno.test("whole pages are replaced at once, but not while one of them has to stay as it is", () => {
  const pool = poolOf(2 * FRAMES), file = new CachedFile(0);
  assertEquals(pool.replace(file, 0, filled(1)), undefined);
  for (let page = 0; page < FRAMES; page++) pool.keep(file, page, filled(1));
  const held = pool.replace(file, 1, filled(2, 2))!;
  assertEquals(held.bytes, filled(2, 2));
  assertEquals([0, 1, 2, 3].map((page) => contentOf(pool, file, page)), [1, 2, 2, 1]);
  assertEquals(pool.replace(file, 2, filled(3, 2)), undefined);
  assertEquals([0, 1, 2, 3].map((page) => contentOf(pool, file, page)), [1, 2, 2, 1]);
  held.release();
  assertEquals(pool.replace(file, 2, filled(3, 2))!.bytes, filled(3, 2));
});

Deno.test("pages that are written to while they are held lie in a row time and again", () => {
  const pool = poolOf(2 * FRAMES), file = new CachedFile(0);
  for (let page = 0; page < FRAMES; page++) pool.keep(file, page, filled(0));
  for (let round = 1; round < 10; round++) {
    const held = pool.hold(file, 0, FRAMES)!;
    for (let page = 0; page < FRAMES; page++) pool.write(file, page, 0, filled(round));
    assertEquals(held.bytes, filled(round - 1, FRAMES));
    held.release();
    const replaced = pool.replace(file, 0, filled(round, FRAMES));
    assertEquals(replaced?.bytes, filled(round, FRAMES));
    replaced?.release();
  }
});
