import { assertEquals, assertThrows } from "@std/assert";
import { Access } from "../../../hardware/hart/engine.ts";
import { type Mapping, MappingList, MOST_MAPPINGS } from "./mapping.ts";

const TOP = 4096;
/** Pages below are not given out. */
const FIRST = 16;

/** @param access those of equal access join */
function mapping(start: number, end: number, access: number = Access.READ): Mapping {
  return {
    owner: { protect: () => {}, drop: () => {} },
    start,
    end,
    access,
    shared: false,
    object: undefined,
    objectPage: 0,
    name: "",
    readOnly: false,
    notForked: false,
  };
}

/** The highest free range, by looking at every page. */
function highest(list: MappingList, pages: number): number {
  let free = 0;
  for (let page = TOP - 1; page >= FIRST; page--) {
    free = list.find(page) === undefined ? free + 1 : 0;
    if (free === pages) return page;
  }
  return -1;
}

Deno.test("the highest range that is free is given out, whatever was mapped and went before", () => {
  const list = new MappingList(TOP);
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return (seed >>> 8) % below;
  };
  for (let step = 0; step < 3000; step++) {
    const pages = 1 + random(random(8) === 0 ? 200 : 6);
    const start = list.freeRange(pages);
    assertEquals(start, highest(list, pages), `step ${step}: ${pages} pages`);
    if (start >= 0 && random(3) > 0) list.add(mapping(start, start + pages, 1 + random(3)));
    else {
      const from = FIRST + random(TOP - FIRST);
      list.remove(from, Math.min(TOP, from + 1 + random(64)));
    }
  }
});

Deno.test("there is an end to how many mappings one space has, and to cutting them", () => {
  const list = new MappingList(2 ** 20);
  for (let each = 0; each < MOST_MAPPINGS; each++) {
    const start = list.freeRange(4);
    list.add(mapping(start, start + 4, 1 + each % 2));
  }
  const [first, second] = list.all;
  const cut = (act: () => void) => assertThrows(act);
  cut(() => list.demandRoom(1));
  cut(() => list.isolate(first.start + 1, first.end));
  cut(() => list.remove(first.start + 1, first.start + 2));
  assertEquals(list.all.length, MOST_MAPPINGS);
  // What leaves no more than there were is done.
  list.remove(first.start, first.start + 2);
  list.remove(second.start, second.end);
  assertEquals(list.all.length, MOST_MAPPINGS - 1);
  list.demandRoom(1);
});
