// Files of ext4 where many use them at once, where there is no room for more, and where they have no name.
import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { type Coroutine, finish } from "../../runtime/kernel/coroutine.ts";
import { E, Errno } from "../../runtime/kernel/errno.ts";
import type { Ext4Inode } from "../../runtime/kernel/storage/ext4/inode.ts";
import { S } from "../../runtime/kernel/vfs/filesystem.ts";
import {
  assertClean,
  ext4Machine,
  makeFile,
  namesIn,
  ownImage,
  pattern,
  readAll,
} from "./small_ext4.ts";

Deno.test("a full disk is ENOSPC, and nothing leaks", () => {
  const bytes = ownImage(8);
  const { ext4, run } = ext4Machine(bytes);
  run(ext4.mount());
  const free = ext4.usage().freeBlocks;
  run(function* () {
    const inode = yield* finish(ext4.root.create("big", { mode: S.IFREG | 0o644, uid: 0, gid: 0 }));
    let failed = 0;
    for (let at = 0; failed === 0; at += 65536) {
      try {
        const written = yield* finish(inode.write(at, pattern(1, 65536)));
        if (written < 65536) at -= 65536 - written;
      } catch (failure) {
        assert(failure instanceof Errno);
        failed = failure.errno;
      }
    }
    assertEquals(failed, E.ENOSPC);
    assertEquals(ext4.usage().freeBlocks, 0);
    yield* finish(ext4.root.unlink("big"));
    yield* finish(inode.release());
    yield* finish(ext4.sync());
  }());
  assertEquals(ext4.usage().freeBlocks, free);
  run(ext4.unmount());
  assertClean(bytes, "after ENOSPC");
});

Deno.test("readers beside a writer that truncates and rewrites see contents, or the end, never else", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const next = seededRandom(seed);
    const { ext4, run, runAll, pause } = ext4Machine(ownImage(8), seed);
    run(ext4.mount());
    const inode = run(makeFile(ext4.root, "f", new Uint8Array(40_000).fill(1)));
    let writing = true;
    const writer = function* (): Coroutine<void> {
      for (let round = 2; round < 40; round++) {
        if (next() % 2 === 0) {
          yield* finish(inode.truncate(next() % inode.attributes.sizeBytes));
        }
        const length = 1 + next() % 40_000;
        yield* finish(inode.write(0, new Uint8Array(length).fill(round)));
        yield* pause();
        if (next() % 2 === 0) continue;
        // Clean pages may go at any time: here all of them do.
        yield* finish(inode.sync(false));
        (inode as Ext4Inode).data.dropFrom(0);
      }
      writing = false;
    };
    const reader = function* (): Coroutine<void> {
      while (writing) {
        const into = new Uint8Array(1 + next() % 30_000);
        const offset = next() % 40_000;
        const length = yield* finish(inode.read(offset, into));
        yield* pause();
        const zero = into.subarray(0, length).indexOf(0);
        assertEquals(zero, -1, `seed ${seed}: zero at ${offset + zero} of ${length} bytes read`);
      }
    };
    runAll([writer(), reader(), reader(), reader()]);
  }
});

Deno.test("a file without a name is an orphan until it gets one", () => {
  const bytes = ownImage(16), text = (value: string) => new TextEncoder().encode(value);
  const { ext4, run } = ext4Machine(bytes);
  run(ext4.mount());
  run(function* () {
    const { root } = ext4;
    const named = yield* finish(root.createUnnamed!({ mode: S.IFREG | 0o600, uid: 1, gid: 2 }));
    named.unnamed = true;
    yield* finish(named.write(0, text("contents")));
    const lost = yield* finish(root.createUnnamed!({ mode: S.IFREG | 0o600, uid: 1, gid: 2 }));
    yield* finish(lost.write(0, text("lost")));
    yield* finish(root.link("named", named));
    assertEquals(named.attributes.links, 1);
    for (const each of [named, lost]) yield* finish(each.release());
  }());
  run(ext4.unmount());
  assertClean(bytes, "with a file that got a name, and one that did not");
  const again = ext4Machine(bytes, 2);
  again.run(again.ext4.mount());
  again.run(function* () {
    assertEquals(yield* namesIn(again.ext4.root), ["lost+found", "named"]);
    const named = (yield* finish(again.ext4.root.lookup("named")))!;
    assertEquals(yield* readAll(named), text("contents"));
    yield* finish(named.release());
  }());
});
