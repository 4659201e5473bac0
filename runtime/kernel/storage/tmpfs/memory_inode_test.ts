// Files in memory: allocations take all of their pages or none, seals hold, attributes are bounded.
import { assertEquals } from "@std/assert";
import { type Coroutine, finish, Tasks } from "../../coroutine.ts";
import { createDomainMemory } from "../../domain_memory.ts";
import type { Environment } from "../../environment.ts";
import { E, Errno } from "../../errno.ts";
import { SEAL } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { DOMAIN_BASE } from "../../../../tests/fixtures/small_machine.ts";
import { MemoryFileSystem } from "./tmpfs.ts";

const PAGE_BYTES = 4096;

/** The number of the error that some work fails with; 0 where it does not. */
function errnoOf(work: () => unknown): number {
  try {
    work();
  } catch (failure) {
    if (failure instanceof Errno) return failure.errno;
    throw failure;
  }
  return 0;
}

function filesystem(pages: number) {
  const tasks = new Tasks(() => 0);
  const environment: Environment = {
    nowNs: () => 0,
    realtimeNs: () => 0n,
    random: () => {},
    tasks,
    memory: createDomainMemory(new SharedArrayBuffer(1 << 20), DOMAIN_BASE),
    log: () => {},
  };
  const made = new MemoryFileSystem("tmpfs", environment, 0, pages * PAGE_BYTES);
  /** Turns that the work took; fails as it does. */
  const run = (body: Coroutine<unknown>): number => {
    let turns = 0, failure: unknown, over = false;
    tasks.spawn(body, (_value, thrown) => {
      failure = thrown;
      over = true;
    });
    while (!over) {
      tasks.run();
      turns++;
    }
    if (failure !== undefined) throw failure;
    return turns;
  };
  const file = () => made.root.create("file", { mode: S.IFREG | 0o600, uid: 0, gid: 0 });
  return { made, run, file };
}

Deno.test("an allocation that does not fit takes nothing", () => {
  const { made, run, file } = filesystem(10);
  const inode = file();
  inode.write(2 * PAGE_BYTES, new Uint8Array(PAGE_BYTES));
  const before = made.usage().freeBlocks;
  const work = () => run(finish(inode.allocate("allocate", 0, 11 * PAGE_BYTES, false)));
  assertEquals(errnoOf(work), E.ENOSPC);
  assertEquals([made.usage().freeBlocks, inode.attributes.sizeBytes], [before, 3 * PAGE_BYTES]);
  run(finish(inode.allocate("allocate", 0, 10 * PAGE_BYTES, true)));
  assertEquals([made.usage().freeBlocks, inode.attributes.sizeBytes], [0, 3 * PAGE_BYTES]);
});

Deno.test("a large allocation lets others have their turns, and agrees with what they do", () => {
  const { made, run, file } = filesystem(9000);
  const inode = file();
  const body = function* (): Coroutine<void> {
    yield* finish(inode.allocate("allocate", 0, 8000 * PAGE_BYTES, false));
  };
  const work = body();
  work.next();
  inode.write(7000 * PAGE_BYTES, new Uint8Array(PAGE_BYTES));
  inode.truncate(0);
  run(work);
  const pages = inode.attributes.blocks / 8;
  assertEquals([made.usage().freeBlocks, inode.attributes.sizeBytes], [
    9000 - pages,
    8000 * PAGE_BYTES,
  ]);
});

Deno.test("seals forbid what they say", () => {
  const { file, run } = filesystem(10);
  const inode = file();
  inode.write(0, new Uint8Array(100));
  const refused = (work: () => unknown) => assertEquals(errnoOf(work), E.EPERM);
  inode.seals = SEAL.GROW;
  refused(() => inode.write(99, new Uint8Array(2)));
  refused(() => inode.truncate(101));
  refused(() => inode.allocate("allocate", 0, 200, false));
  inode.truncate(90);
  inode.seals = SEAL.SHRINK;
  refused(() => inode.truncate(80));
  inode.truncate(100);
  inode.seals = SEAL.WRITE;
  refused(() => inode.write(0, new Uint8Array(1)));
  refused(() => inode.allocate("punch-hole", 0, 10, true));
  run(finish(inode.allocate("allocate", 0, 50, true)));
});

Deno.test("what attributes take is bounded", () => {
  const { file } = filesystem(10);
  const inode = file();
  inode.setAttribute("user.one", new Uint8Array(65_000));
  inode.setAttribute("user.two", new Uint8Array(65_000));
  const work = () => inode.setAttribute("user.three", new Uint8Array(65_000));
  assertEquals(errnoOf(work), E.ENOSPC);
  inode.setAttribute("user.one", new Uint8Array(10));
  inode.setAttribute("user.three", new Uint8Array(60_000));
  assertEquals(inode.listAttributes(), ["user.one", "user.two", "user.three"]);
});
