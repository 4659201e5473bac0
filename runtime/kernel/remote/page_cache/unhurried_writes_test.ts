// When a server that sleeps is woken for writes that nobody waits for.
import { assertEquals } from "@std/assert";
import { Call } from "../../vfs/protocol.ts";
import { PAGE_BYTES } from "./page_pool.ts";
import { FILE, nothing, numbersOf, pageOf, worldOfPages, write } from "./testing/pages_world.ts";

const line = new Uint8Array(90).fill(5);

/** A world whose server has nothing to do. */
function quietWorld() {
  const { world, handle } = worldOfPages(40, "retry", 32);
  world.settle();
  world.bells = 0;
  /** Writes a line to a page of its own, to the end of the turn. @returns how often the bell has been rung */
  const log = (page: number) => {
    write(world, handle, page * PAGE_BYTES, line);
    world.connection.notify();
    return world.bells;
  };
  return { world, handle, log };
}

Deno.test("no server is woken for a line of a log, and one that is awake does it", () => {
  const { world, log } = quietWorld();
  assertEquals([log(0), log(1)], [0, 0]);
  world.arrive();
  assertEquals([numbersOf(world), world.bells], [[Call.PWRITE64, Call.PWRITE64], 0]);
});

Deno.test("it is woken for many of them, or for many bytes", () => {
  const { world, handle, log } = quietWorld();
  const bells = Array.from({ length: 16 }, (_, page) => log(page));
  assertEquals([bells.indexOf(1), world.bells], [15, 1]);
  world.settle();
  world.bells = 0;
  for (let part = 0; part < 2; part++) {
    write(world, handle, part * 8 * PAGE_BYTES, new Uint8Array(8 * PAGE_BYTES));
    world.connection.notify();
    assertEquals(world.bells, part);
  }
});

Deno.test("it is woken after a while", () => {
  const { world, log } = quietWorld();
  log(0);
  world.nowNs += 9e6;
  world.see();
  assertEquals(world.bells, 0);
  world.nowNs += 2e6;
  world.tasks.fireTimers();
  world.see();
  assertEquals(world.bells, 1);
});

Deno.test("it is woken once somebody waits for one, or asks for something else", () => {
  const waits = [
    [Call.PWRITE64, [10, 0], pageOf(3)],
    [Call.FSYNC, [], nothing],
    [Call.FTRUNCATE, [0], nothing],
    [Call.SYNC, [], nothing],
  ] as const;
  for (const [number, args, payload] of waits) {
    const { world, handle, log } = quietWorld();
    log(0);
    const outcome = world.begin(number, [handle, ...args], payload);
    world.connection.notify();
    assertEquals(world.bells, 1, `${number}`);
    world.settle();
    assertEquals(outcome.status! >= 0, true, `${number}`);
  }
});

Deno.test("a server that dies and comes back is told of what was in no hurry", () => {
  const { world, log } = quietWorld();
  world.makeDurable();
  log(0);
  world.die();
  world.settle();
  assertEquals(world.files.get(FILE)!.subarray(0, line.length), line);
});
