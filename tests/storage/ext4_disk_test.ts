// What ext4 asks of its disk, and when: what is written early, what a commit and a reader wait for.
import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { type Coroutine, finish, together } from "../../runtime/kernel/coroutine.ts";
import { E, type Errno } from "../../runtime/kernel/errno.ts";
import type { Inode } from "../../runtime/kernel/vfs/filesystem.ts";
import {
  assertClean,
  crashedImage,
  ext4Machine,
  makeFile,
  MIB,
  ownImage,
  pattern,
  readAll,
} from "./small_ext4.ts";

/** What some work fails with; 0 where it does not. */
function errnoOf(work: () => void): number {
  try {
    work();
  } catch (failure) {
    return (failure as Errno).errno;
  }
  return 0;
}

/** Writes a file of 2 MiB from front to back. @param pause lets the disk do something */
function* fill(inode: Inode, seed: number, pause: () => Coroutine<void>): Coroutine<void> {
  for (let at = 0; at < 2 * MIB; at += 16 << 10) {
    yield* finish(inode.write(at, pattern(seed + at, 16 << 10)));
    yield* pause();
  }
}

Deno.test("what is written from front to back is on its way before fsync, which waits for all of it", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const bytes = ownImage(16);
    const next = seededRandom(seed);
    const { ext4, run, disk, pause } = ext4Machine(bytes, seed, 8 * MIB);
    run(ext4.mount());
    const base = bytes.slice();
    disk.record = disk.copies = true;
    disk.inOrder = seed % 2 === 0;
    let fsyncAt = 0, durableAt = 0;
    run(function* () {
      const inode = yield* makeFile(ext4.root, "file", pattern(1, 10));
      // Once with blocks to be found for it, once in place, each time over what is on its way.
      for (const round of [1, 2, 3]) {
        yield* fill(inode, round * seed, () => next() % 40 === 0 ? pause() : together([]));
      }
      fsyncAt = disk.history.length;
      yield* finish(inode.sync(false));
      durableAt = disk.history.length;
      yield* finish(inode.release());
    }());
    assert(fsyncAt > 100, `${fsyncAt} pages were written before fsync`);
    const after = ext4Machine(crashedImage(base, disk.history, durableAt, () => 1), seed, 8 * MIB);
    after.run(after.ext4.mount());
    after.run(function* () {
      const inode = (yield* finish(after.ext4.root.lookup("file")))!;
      const found = yield* readAll(inode);
      for (let at = 0; at < 2 * MIB; at += 16 << 10) {
        const piece = found.subarray(at, at + (16 << 10));
        assertEquals(piece, pattern(3 * seed + at, 16 << 10), `seed ${seed}, at ${at}`);
      }
      yield* finish(inode.release());
    }());
    const point = durableAt + next() % (disk.history.length - durableAt + 1);
    assertClean(crashedImage(base, disk.history, point, next).slice(), `seed ${seed}`);
  }
});

Deno.test("whole pages of a file that was made durable are on their way before the next fsync, up to a bound", () => {
  const { ext4, run, disk, pause } = ext4Machine(ownImage(16), 3, 8 * MIB);
  run(ext4.mount());
  disk.record = true;
  const page = pattern(7, 4096);
  /** @returns how many pages reach the disk, without anybody asking, of writes to every other page */
  const writtenOf = (inode: Inode, writes: number, bytes: Uint8Array, within = 0) => {
    // Less than it takes to commit what has changed.
    const passing = function* () {
      for (let each = 0; each < 3000; each++) yield* pause();
    };
    run(passing());
    const before = disk.history.length;
    run(function* () {
      for (let each = 0; each < writes; each++) {
        yield* finish(inode.write(each % 128 * 8192 + within, bytes));
        yield* pause();
      }
      yield* passing();
    }());
    return disk.history.length - before;
  };
  const synced = run(makeFile(ext4.root, "synced", pattern(1, MIB)));
  run(finish(synced.sync(false)));
  const unsynced = run(makeFile(ext4.root, "unsynced", pattern(1, MIB)));
  assertEquals(writtenOf(unsynced, 128, page), 0);
  assertEquals(writtenOf(synced, 128, page.subarray(0, 4000), 50), 0);
  assertEquals(writtenOf(synced, 127, page), 96);
  const most = writtenOf(synced, 4096, page);
  assert(most > 1000 && most <= 2048, `${most}`);
  assertEquals(writtenOf(synced, 128, page), 0);
  run(finish(synced.sync(false)));
  assertEquals(writtenOf(synced, 64, page), 64);
});

Deno.test("what a work writes late is flushed as what it began with, whatever the order of the disk", () => {
  for (const inOrder of [true, false]) {
    const { ext4, run, disk } = ext4Machine(ownImage(8));
    const { io } = ext4.files;
    disk.inOrder = inOrder;
    disk.record = true;
    const write = (position: number) => io.writeAll([{ position, bytes: pattern(position, 4096) }]);
    run(io.durably(together([io.late(function* () {
      yield* write(4096);
      yield* write(8192);
    }())])));
    const newestFirst = disk.history.map((each) => each?.position ?? "flush").reverse();
    assertEquals(newestFirst, ["flush", 8192, 4096]);
    disk.history.length = 0;
    run(io.writeDurably([{ position: 4096, bytes: pattern(1, 4096) }]));
    assertEquals(disk.history.map((each) => each?.position ?? "flush"), [4096, "flush"]);
  }
});

Deno.test("fsync tells of a disk that refused what was on its way before", () => {
  const { ext4, run, disk, pause } = ext4Machine(ownImage(16), 5, 8 * MIB);
  run(ext4.mount());
  const inode = run(makeFile(ext4.root, "file", pattern(1, 10)));
  disk.broken = true;
  run(fill(inode, 1, pause));
  assertEquals(errnoOf(() => run(finish(inode.sync(false)))), E.EIO);
});

for (const refused of ["data", "journal", "flush"]) {
  Deno.test(`a commit of which a disk in order refused the ${refused} does not count, though it was all submitted`, () => {
    const bytes = ownImage(16);
    const { ext4, run, disk } = ext4Machine(bytes, 5, 8 * MIB);
    disk.inOrder = true;
    run(ext4.mount());
    const inode = run(makeFile(ext4.root, "file", pattern(1, 4096)));
    run(ext4.sync());
    let submitted = 0;
    disk.refuses = () => ["data", "journal", "flush"][submitted++] === refused;
    run(finish(inode.write(4096, pattern(2, 4096))));
    assertEquals(errnoOf(() => run(finish(inode.sync(false)))), E.EIO);
    assert(submitted > 5, `${submitted} requests`);

    const after = ext4Machine(bytes, 6, 8 * MIB);
    after.run(after.ext4.mount());
    const found = after.run(finish(after.ext4.root.lookup("file")))!;
    assertEquals(found.attributes.sizeBytes, 4096);
    after.run(after.ext4.unmount());
    assertClean(bytes, refused);
  });
}

for (const inOrder of [false, true]) {
  Deno.test(`a commit waits ${inOrder ? "once" : "four times"} for a disk ${inOrder ? "" : "not "}in order, and for neighbours of its journal once`, () => {
    const { ext4, run, disk } = ext4Machine(ownImage(16), 5, 8 * MIB);
    disk.inOrder = inOrder;
    run(ext4.mount());
    const inode = run(makeFile(ext4.root, "file", pattern(1, 10)));
    run(ext4.sync());
    const submitted: string[] = [];
    let waits = 0, was = 0;
    const submit = disk.submit.bind(disk), poll = disk.poll.bind(disk);
    disk.submit = (request) => {
      submitted.push(request.operation);
      submit(request);
    };
    disk.poll = () => {
      // All that was submitted together is completed together.
      if (submitted.length === was) return 0;
      waits++;
      was = submitted.length;
      let completed = 0;
      while (poll() > 0) completed++;
      return completed;
    };
    run(finish(inode.write(0, pattern(2, 10))));
    run(finish(inode.sync(false)));
    assertEquals(submitted, ["write", "write", "flush", "write", "flush"]);
    assertEquals(waits, inOrder ? 1 : 4);
  });
}

Deno.test("a reader waits for its disk once for all that it asks for, and not for what was advised", () => {
  const contents = pattern(1, 3 * MIB), bytes = ownImage(16);
  {
    const { ext4, run } = ext4Machine(bytes, 5, 8 * MIB);
    run(ext4.mount());
    run(makeFile(ext4.root, "file", contents));
    run(ext4.unmount());
  }
  const { ext4, run, disk, pause } = ext4Machine(bytes, 5, 8 * MIB);
  run(ext4.mount());
  const inode = run(finish(ext4.root.lookup("file")))!;
  let reads = 0;
  const submit = disk.submit.bind(disk);
  disk.submit = (request) => {
    if (request.operation === "read") reads++;
    submit(request);
  };
  const read = (offset: number, length: number) => {
    const before = reads, into = new Uint8Array(length);
    assertEquals(run(finish(inode.read(offset, into))), length);
    assertEquals(into, contents.subarray(offset, offset + length));
    return reads - before;
  };
  run(inode.readAhead!(0, 10) as Coroutine<void>);
  run(pause());
  reads = 0;
  assertEquals(read(2 * MIB, 64 << 10), 1);
  assertEquals(read(1 * MIB + 8192, 128 << 10), 1);
  run(inode.readAhead!(256 << 10, 512 << 10) as Coroutine<void>);
  for (let turn = 0; turn < 50; turn++) run(pause());
  assertEquals([read(256 << 10, 512 << 10), read(300 << 10, 4096)], [0, 0]);
  // Beyond the end there is nothing, and of a large file no more than there is room for.
  run(inode.readAhead!(3 * MIB - 10, 1 << 30) as Coroutine<void>);
  run(inode.readAhead!(1 << 30, 1 << 30) as Coroutine<void>);
  for (let turn = 0; turn < 50; turn++) run(pause());
  assertEquals(read(3 * MIB - 4096, 4096), 0);
});

Deno.test("a file that is written anew lies in memory as the one before, page after page", () => {
  const { ext4, run, disk, pause } = ext4Machine(ownImage(16), 5, 8 * MIB);
  run(ext4.mount());
  const inode = run(makeFile(ext4.root, "file", pattern(1, 10)));
  const jumps: number[] = [];
  const submit = disk.submit.bind(disk);
  disk.submit = (request) => {
    const { buffers, operation } = request;
    const rows = buffers.filter((each, index) =>
      each.address !== buffers[index - 1]?.address + 4096
    );
    if (operation === "write" && buffers.length > 8) jumps.push(rows.length);
    submit(request);
  };
  run(fill(inode, 1, pause));
  run(ext4.sync());
  run(finish(inode.truncate(0)));
  run(ext4.sync());
  jumps.length = 0;
  run(fill(inode, 2, pause));
  assert(jumps.length > 0);
  assertEquals(jumps.filter((count) => count > 2), []);
});
