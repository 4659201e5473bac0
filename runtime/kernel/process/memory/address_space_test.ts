// Which pages a process gets when it writes some of them.
import { assertEquals } from "@std/assert";
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { Tasks } from "../../coroutine.ts";
import { AddressSpace } from "./address_space.ts";
import { BLOCK_FRAMES } from "./frames.ts";
import { UserMemory } from "./user_memory.ts";

const START = 4 * BLOCK_FRAMES;
const TOTAL = 256;

/** Private memory from the second page of a block to the middle of the one after the next. */
function spaceOf(): { space: AddressSpace; present: () => number[] } {
  const memory = new UserMemory(TOTAL * PAGE_BYTES, new Tasks(() => 0));
  const space = new AddressSpace(memory);
  space.map({
    ...{ start: START + 1, end: START + 2.5 * BLOCK_FRAMES, access: Access.READ | Access.WRITE },
    ...{ shared: false, object: undefined, objectPage: 0, name: "" },
    ...{ readOnly: false, notForked: false },
  });
  memory.activate(space);
  const present = () => {
    const pages: number[] = [];
    space.pages.forEach(0, 2 * TOTAL, (page) => pages.push(page - START));
    return pages;
  };
  return { space, present };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

Deno.test("the second page of a block that is written brings the whole block, as far as it is mapped", () => {
  const { space, present } = spaceOf();
  space.refill(START + 5, Access.WRITE);
  assertEquals(present(), [5]);
  space.refill(START + 3, Access.WRITE);
  assertEquals(present(), range(1, BLOCK_FRAMES));
  // What goes on behind it is written through, too.
  space.refill(START + BLOCK_FRAMES, Access.WRITE);
  space.refill(START + 2 * BLOCK_FRAMES, Access.WRITE);
  assertEquals(present(), range(1, 2.5 * BLOCK_FRAMES));
  assertEquals(space.memory.frames.available, TOTAL - 1 - present().length);
});

Deno.test("pages that are read, and those written while memory is scarce, come one by one", () => {
  const { space, present } = spaceOf();
  for (const page of [5, 6]) space.refill(START + page, Access.READ);
  assertEquals(present(), [5, 6]);
  const { frames } = space.memory;
  while (frames.available >= TOTAL / 4) frames.allocate(true);
  for (const page of [7, 8]) space.refill(START + page, Access.WRITE);
  assertEquals(present(), [5, 6, 7, 8]);
});

Deno.test("pages that a forked process writes lie beside each other, whoever has the others' frames", () => {
  const { space: first } = spaceOf();
  const { memory } = first;
  const write = (space: AddressSpace, pages: number[]) => {
    memory.activate(space);
    for (const page of pages) space.refill(START + page, Access.WRITE);
  };
  write(first, [8, 9]);
  const second = first.fork();
  write(second, [8, 9, 10]);
  // Where the frame of its neighbours' block is free, but they will not stay there.
  first.discard(START + 9, START + 10);
  const third = second.fork();
  write(third, [9, 8, 10]);
  const frames = [8, 9, 10].map((page) => third.frameFor(START + page, Access.READ));
  assertEquals(frames.map((frame) => frame - frames[0]), [0, PAGE_BYTES, 2 * PAGE_BYTES]);
});
