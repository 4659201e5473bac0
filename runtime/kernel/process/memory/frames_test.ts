// Frames: none is given twice, all come back, and neighbours in addresses are neighbours in memory.
import { assert, assertEquals } from "@std/assert";
import { HartMemory } from "../../../hardware/hart/hart_memory.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { seededRandom } from "../../network/tcpip/testing/world.ts";
import { type Frame, Frames } from "./frames.ts";

const TOTAL = 256;

/** Pages with frames, as an address space has them. */
class Pages {
  readonly at = new Map<number, Frame>();

  constructor(readonly frames: Frames) {}

  touch(page: number): Frame {
    const frame = this.frames.allocate(true, page, (each) => this.at.get(each) ?? 0);
    if (frame !== 0) this.at.set(page, frame);
    return frame;
  }

  leave(page: number): void {
    this.frames.release(this.at.get(page)!);
    this.at.delete(page);
  }
}

function makeFrames(): Frames {
  return new Frames(new HartMemory(TOTAL * PAGE_BYTES));
}

Deno.test("frames: pages of a block lie to each other as their addresses do, in whatever order they come", () => {
  const frames = makeFrames();
  const stack = new Pages(frames), heap = new Pages(frames);
  for (let page = 0; page < 16; page++) {
    stack.touch(0x8000f - page);
    heap.touch(0x40000 + page * 5 % 16);
  }
  for (const { at } of [stack, heap]) {
    const [[first, frame]] = at;
    for (const [page, each] of at) assertEquals(each - frame, (page - first) * PAGE_BYTES);
  }
});

Deno.test("frames: the last one is found, and then there is none until one comes back", () => {
  const frames = makeFrames();
  const pages = new Pages(frames);
  // One of each block, then the others from far away.
  for (let index = 0; index < TOTAL; index++) assert(pages.touch(index * 16 + index) > 0);
  assertEquals(new Set(pages.at.values()).size, TOTAL);
  assertEquals([frames.available, pages.touch(5)], [0, 0]);
  const frame = pages.at.get(17)!;
  frames.bytes.fill(1, frame, frame + PAGE_BYTES);
  pages.leave(17);
  assertEquals(pages.touch(9), frame);
  assert(frames.bytes.subarray(frame, frame + PAGE_BYTES).every((byte) => byte === 0));
});

Deno.test("frames: none has two owners, and all come back, in 20,000 random steps", () => {
  const frames = makeFrames();
  const random = seededRandom(7);
  const next = (below: number) => Math.floor(random() * below);
  const spaces = [new Pages(frames), new Pages(frames), new Pages(frames)];
  for (let step = 0; step < 20_000; step++) {
    const space = spaces[next(3)], page = next(300);
    if (space.at.has(page)) space.leave(page);
    else if (space.touch(page) === 0) assertEquals(frames.available, 0);
    if (step % 100 !== 0) continue;
    const owned = spaces.flatMap(({ at }) => [...at.values()]);
    assertEquals(new Set(owned).size, owned.length);
    assertEquals(frames.available, TOTAL - owned.length);
  }
  for (const space of spaces) for (const page of [...space.at.keys()]) space.leave(page);
  assertEquals(frames.available, TOTAL);
  // What is free is whole again: sixteen pages in one piece.
  const piece = new Pages(frames);
  for (let page = 15; page >= 0; page--) piece.touch(page);
  for (let page = 1; page < 16; page++) {
    assertEquals(piece.at.get(page)! - piece.at.get(page - 1)!, PAGE_BYTES);
  }
});
