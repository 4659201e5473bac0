// ext4 against what others made and check: images of mke2fs in many shapes, trees read back, our own
// images listed by debugfs, everything clean for e2fsck; crashes at random points.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type Coroutine, finish, Tasks, together } from "../runtime/kernel/coroutine.ts";
import { createDomainMemory } from "../runtime/kernel/domain_memory.ts";
import type { Environment } from "../runtime/kernel/environment.ts";
import { E, Errno } from "../runtime/kernel/errno.ts";
import { Ext4 } from "../runtime/kernel/storage/ext4/ext4.ts";
import type { Ext4Inode } from "../runtime/kernel/storage/ext4/inode.ts";
import { FL } from "../runtime/kernel/vfs/constants.ts";
import { type Inode, S } from "../runtime/kernel/vfs/filesystem.ts";
import { makeExt4 } from "../runtime/image/mkfs/mkfs.ts";
import { DOMAIN_BASE, seededRandom } from "./small_machine.ts";
import { TestDisk } from "./test_disk.ts";

const MIB = 1 << 20;

function machine(bytes: Uint8Array, seed = 1, memoryBytes = 4 * MIB, readOnly = false) {
  const next = seededRandom(seed);
  const disk = new TestDisk(bytes, next, readOnly);
  const logs: string[] = [];
  let nowNs = 0;
  const tasks = new Tasks(() => nowNs);
  const environment: Environment = {
    nowNs: () => nowNs,
    realtimeNs: () => 1_700_000_000_000_000_000n + BigInt(nowNs++),
    random: (into) => into.forEach((_, index) => into[index] = next()),
    tasks,
    memory: createDomainMemory(new SharedArrayBuffer(memoryBytes), DOMAIN_BASE),
    log: (line) => logs.push(line),
  };
  const ext4 = new Ext4(environment, disk, Infinity);
  /** Runs several coroutines at once, to their ends. */
  const runAll = <T>(bodies: Coroutine<T>[]): T[] => {
    const results: { value?: T; failure?: unknown }[] = [];
    let open = bodies.length;
    bodies.forEach((body, index) =>
      tasks.spawn(body, (value, failure) => {
        results[index] = { value, failure };
        open--;
      })
    );
    while (open > 0) {
      if (tasks.run() + disk.poll() === 0) {
        nowNs = Math.max(nowNs + 1, Math.min(tasks.nextDeadlineNs, nowNs + 1e9));
      }
    }
    for (const { failure } of results) if (failure !== undefined) throw failure;
    return results.map(({ value }) => value as T);
  };
  const run = <T>(body: Coroutine<T>): T => runAll([body])[0];
  const pause = () => tasks.sleep(1);
  return { disk, ext4, run, runAll, pause, logs, advance: (ns: number) => nowNs += ns };
}

function command(name: string, ...args: string[]): { code: number; text: string } {
  const { code, stdout, stderr } = new Deno.Command(name, {
    args,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  }).outputSync();
  const decode = new TextDecoder();
  return { code, text: decode.decode(stdout) + decode.decode(stderr) };
}

/** e2fsck finds nothing to say about an image. */
function assertClean(bytes: Uint8Array, what: string): void {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    const { code, text } = command("e2fsck", "-fn", path);
    assertEquals(code, 0, `${what}: ${text}`);
  } finally {
    Deno.removeSync(path);
  }
}

function hostImage(sizeMiB: number, options: string[], tree?: string): Uint8Array {
  const path = Deno.makeTempFileSync();
  try {
    const args = [
      "-q",
      "-F",
      "-t",
      "ext4",
      ...options,
      ...(tree === undefined ? [] : ["-d", tree]),
      path,
      `${sizeMiB}M`,
    ];
    const { code, text } = command("mke2fs", ...args);
    assertEquals(code, 0, text);
    return Deno.readFileSync(path);
  } finally {
    Deno.removeSync(path);
  }
}

function ownImage(sizeMiB: number): Uint8Array {
  const bytes = new Uint8Array(sizeMiB * MIB);
  const uuid = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
  makeExt4({ sizeBytes: bytes.length, write: (at, part) => bytes.set(part, at) }, {
    uuid,
    label: "test",
    timeSeconds: 1_700_000_000,
  });
  return bytes;
}

function pattern(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (seed * 31 + at * 7 + (at >> 8)) & 0xff);
}

function* make(parent: Inode, name: string, bytes: Uint8Array): Coroutine<Inode> {
  const inode = yield* finish(parent.create(name, S.IFREG | 0o644, 0, 0, 0));
  assertEquals(yield* finish(inode.write(0, bytes)), bytes.length);
  return inode;
}

function* readAll(inode: Inode): Coroutine<Uint8Array> {
  const bytes = new Uint8Array(inode.attributes.sizeBytes);
  assertEquals(yield* finish(inode.read(0, bytes)), bytes.length);
  return bytes;
}

function* names(directory: Inode): Coroutine<string[]> {
  const found: string[] = [];
  yield* finish(directory.list(0, (entry) => found.push(entry.name) > 0));
  return found.sort();
}

/** Work of many kinds, that ends with some of it removed again. */
function* exercise(ext4: Ext4): Coroutine<void> {
  const root = ext4.root;
  const folder = yield* finish(root.create("folder", S.IFDIR | 0o755, 1, 2, 0));
  const inodes: Inode[] = [];
  for (let index = 0; index < 60; index++) {
    inodes.push(yield* make(folder, `file${index}`, pattern(index, index * 997)));
  }
  const sparse = yield* make(root, "sparse", pattern(1, 10));
  for (let index = 1; index < 40; index++) {
    yield* finish(sparse.write(index * 20_000, pattern(index, 3000)));
  }
  yield* finish(sparse.allocate("punch-hole", 100_000, 150_000, true));
  yield* finish(sparse.allocate("allocate", 900_000, 50_000, false));
  yield* finish(root.symlink("short", "folder/file1", 0, 0));
  yield* finish(root.symlink("long", "x".repeat(300), 0, 0));
  yield* finish(root.create("device", S.IFCHR | 0o600, 0, 0, 5 << 8 | 1));
  yield* finish(root.link("second", inodes[5]));
  for (let index = 0; index < 60; index += 3) yield* finish(folder.unlink(`file${index}`));
  yield* finish(folder.rename("file1", root, "moved", false));
  yield* finish(inodes[2].truncate(5));
  const inner = yield* finish(folder.create("inner", S.IFDIR | 0o700, 0, 0, 0));
  yield* finish(folder.rename("inner", root, "outer", false));
  for (const inode of [...inodes, sparse, folder, inner]) yield* finish(inode.release());
}

Deno.test("our mkfs makes what e2fsck finds clean, and what we can use", () => {
  for (const size of [8, 64, 200]) {
    const bytes = ownImage(size);
    assertClean(bytes, `fresh image of ${size} MiB`);
    if (size !== 64) continue;
    const { ext4, run } = machine(bytes);
    run(ext4.mount());
    run(exercise(ext4));
    run(ext4.unmount());
    assertClean(bytes, "used image");
  }
});

for (
  const [title, options] of [
    ["default options", []],
    ["blocks of 1 KiB", ["-b", "1024"]],
    ["blocks of 2 KiB", ["-b", "2048"]],
    ["without metadata_csum", ["-O", "^metadata_csum"]],
    ["without 64bit", ["-O", "^64bit"]],
    ["without a journal", ["-O", "^has_journal"]],
    ["with metadata_csum_seed and orphan_file", ["-O", "metadata_csum_seed,orphan_file"]],
    ["inodes of 128 bytes", ["-I", "128"]],
    ["without flex_bg", ["-O", "^flex_bg"]],
  ] as [string, string[]][]
) {
  Deno.test(`an image of mke2fs, ${title}, is used and comes back clean`, () => {
    const bytes = hostImage(24, options);
    const { ext4, run } = machine(bytes);
    run(ext4.mount());
    run(exercise(ext4));
    run(ext4.unmount());
    assertClean(bytes, title);
    const again = machine(bytes, 2);
    again.run(again.ext4.mount());
    again.run(function* () {
      const sparse = (yield* finish(again.ext4.root.lookup("sparse")))!;
      const contents = yield* readAll(sparse);
      assertEquals(contents.length, 950_000);
      assertEquals(contents.subarray(20_000, 23_000), pattern(1, 3000));
      assert(contents.subarray(100_000, 250_000).every((byte) => byte === 0));
      const moved = (yield* finish(again.ext4.root.lookup("moved")))!;
      assertEquals(yield* readAll(moved), pattern(1, 997));
      const long = (yield* finish(again.ext4.root.lookup("long")))!;
      assertEquals(yield* finish(long.readlink()), "x".repeat(300));
    }());
    again.run(again.ext4.unmount());
    assertClean(bytes, `${title}, mounted again`);
  });
}

Deno.test("features that are not supported are refused by name", () => {
  for (
    const [options, name] of [
      [["-O", "inline_data"], "inline_data"],
      [["-O", "bigalloc"], "bigalloc"],
      [["-O", "encrypt"], "encrypt"],
      [["-O", "casefold"], "casefold"],
    ] as [string[], string][]
  ) {
    const { ext4, run } = machine(hostImage(24, options));
    let message = "";
    try {
      run(ext4.mount());
    } catch (failure) {
      message = (failure as Error).message;
    }
    assertStringIncludes(message, name);
  }
});

Deno.test("a tree of 2,000 files made by the host is read back the same", () => {
  const tree = Deno.makeTempDirSync();
  try {
    for (let folder = 0; folder < 10; folder++) {
      Deno.mkdirSync(`${tree}/d${folder}`);
      for (let file = 0; file < 200; file++) {
        Deno.writeFileSync(
          `${tree}/d${folder}/f${file}`,
          pattern(folder * 200 + file, (file * 613) % 9000),
        );
      }
    }
    const { ext4, run } = machine(hostImage(48, [], tree));
    run(ext4.mount());
    run(function* () {
      let count = 0;
      for (let folder = 0; folder < 10; folder++) {
        const directory = (yield* finish(ext4.root.lookup(`d${folder}`)))!;
        for (const name of yield* names(directory)) {
          const inode = (yield* finish(directory.lookup(name)))!;
          assertEquals(yield* readAll(inode), Deno.readFileSync(`${tree}/d${folder}/${name}`));
          yield* finish(inode.release());
          count++;
        }
      }
      assertEquals(count, 2000);
    }());
    run(ext4.unmount());
  } finally {
    Deno.removeSync(tree, { recursive: true });
  }
});

Deno.test("debugfs sees what was written here", () => {
  const bytes = ownImage(16);
  const { ext4, run } = machine(bytes);
  run(ext4.mount());
  run(function* () {
    const folder = yield* finish(ext4.root.create("folder", S.IFDIR | 0o755, 0, 0, 0));
    for (let index = 0; index < 20; index++) {
      yield* make(folder, `file${index}`, pattern(index, index * 1000));
    }
  }());
  run(ext4.unmount());
  const path = Deno.makeTempFileSync(), out = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    for (let index = 0; index < 20; index++) {
      command("debugfs", "-R", `dump /folder/file${index} ${out}`, path);
      assertEquals(Deno.readFileSync(out), pattern(index, index * 1000));
    }
    const listing = command("debugfs", "-R", "ls -p /folder", path).text;
    for (let index = 0; index < 20; index++) assertStringIncludes(listing, `/file${index}/`);
  } finally {
    Deno.removeSync(path);
    Deno.removeSync(out);
  }
});

Deno.test("debugfs and chattr(1) agree on flags of files", () => {
  const bytes = ownImage(16);
  const { ext4, run } = machine(bytes);
  run(ext4.mount());
  run(function* () {
    const file = yield* make(ext4.root, "file", pattern(1, 10));
    yield* finish(file.setFlags!(file.flags! | FL.IMMUTABLE | FL.NODUMP));
    const folder = yield* finish(ext4.root.create("folder", S.IFDIR | 0o755, 0, 0, 0));
    yield* finish(folder.setFlags!(folder.flags! | FL.NOATIME | FL.DIRSYNC));
    yield* make(folder, "in", pattern(2, 10));
  }());
  run(ext4.unmount());
  assertClean(bytes, "with flags");
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    const flags = (name: string) =>
      command("debugfs", "-R", `stat ${name}`, path).text.match(/Flags: (0x\w+)/)?.[1];
    assertEquals([flags("/file"), flags("/folder"), flags("/folder/in")], [
      "0x80050",
      "0x90080",
      "0x80080",
    ]);
    command("debugfs", "-w", "-R", "set_inode_field /file flags 0x80020", path);
    const again = machine(Deno.readFileSync(path));
    again.run(again.ext4.mount());
    const file = again.run(finish(again.ext4.root.lookup("file")))!;
    assertEquals(file.flags, 0x80020);
    const refused = assertThrows(() => again.run(finish(file.setFlags!(0))));
    assertEquals((refused as Errno).errno, E.EOPNOTSUPP, "a file without extents");
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("a full disk is ENOSPC, and nothing leaks", () => {
  const bytes = ownImage(8);
  const { ext4, run } = machine(bytes);
  run(ext4.mount());
  const free = ext4.usage().freeBlocks;
  run(function* () {
    const inode = yield* finish(ext4.root.create("big", S.IFREG | 0o644, 0, 0, 0));
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
    const { ext4, run, runAll, pause } = machine(ownImage(8), seed);
    run(ext4.mount());
    const inode = run(make(ext4.root, "f", new Uint8Array(40_000).fill(1)));
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

/** The image as it may be after a crash: what came before the last flush, and any part of what came after. */
function crashedImage(
  base: Uint8Array,
  history: TestDisk["history"],
  point: number,
  next: () => number,
): Uint8Array {
  const image = base.slice();
  let lastFlush = point;
  while (lastFlush > 0 && history[lastFlush - 1] !== undefined) lastFlush--;
  for (let at = 0; at < point; at++) {
    const write = history[at];
    if (write !== undefined && (at < lastFlush || next() % 2 === 0)) {
      image.set(write.bytes, write.position);
    }
  }
  return image;
}

for (const order of ["any order", "order"]) {
  Deno.test(`crashes while directories come and go under a journal that wraps, of a disk in ${order}: the image is clean`, () => {
    const seed = 20260202;
    const next = seededRandom(seed);
    const bytes = hostImage(16, ["-b", "1024", "-J", "size=1"]);
    const { ext4, run, disk } = machine(bytes, 4, 8 * MIB);
    run(ext4.mount());
    const base = bytes.slice();
    disk.inOrder = order === "order";
    disk.record = true;
    const live: string[] = [];
    run(function* () {
      for (let round = 0; round < 120; round++) {
        if (live.length > 4 || live.length > 0 && next() % 3 === 0) {
          const [name] = live.splice(next() % live.length, 1);
          const directory = (yield* finish(ext4.root.lookup(name)))!;
          for (const each of yield* names(directory)) yield* finish(directory.unlink(each));
          yield* finish(directory.release());
          yield* finish(ext4.root.rmdir(name));
        } else {
          const name = `directory-${round}`;
          const directory = yield* finish(ext4.root.create(name, S.IFDIR | 0o755, 0, 0, 0));
          for (let file = 0; file < 12 + next() % 20; file++) {
            const long = `${file}-${"x".repeat(150)}`;
            const inode = yield* finish(directory.create(long, S.IFREG | 0o644, 0, 0, 0));
            yield* finish(inode.release());
          }
          yield* finish(directory.release());
          live.push(name);
        }
        if (next() % 3 !== 0) yield* finish(ext4.sync());
      }
    }());
    for (let crash = 0; crash < 120; crash++) {
      const point = next() % disk.history.length;
      const image = crashedImage(base, disk.history, point, next);
      const what = `seed ${seed}, crash ${crash} at write ${point} of ${disk.history.length}`;
      const after = machine(image, crash + 10, 8 * MIB);
      after.run(after.ext4.mount());
      after.run(after.ext4.dropOrphans());
      after.run(function* () {
        for (const name of yield* names(after.ext4.root)) {
          const directory = (yield* finish(after.ext4.root.lookup(name)))!;
          if ((directory.attributes.mode & S.IFMT) === S.IFDIR) yield* names(directory);
          yield* finish(directory.release());
        }
      }());
      after.run(after.ext4.unmount());
      if (crash % 2 === 0) assertClean(image, what);
    }
  });
}

Deno.test("crashes one after another: each goes on with the journal as it was left, and nothing is lost", () => {
  const seed = 20260303;
  const next = seededRandom(seed);
  let bytes = hostImage(16, ["-b", "1024", "-J", "size=1"]);
  /** files that are durable, by name: seed and length of their contents */
  let durable = new Map<string, [seed: number, length: number]>();
  let left = 0;
  for (let crash = 0; crash < 60; crash++) {
    const what = `seed ${seed}, crash ${crash}`;
    const { ext4, run, disk } = machine(bytes, crash + 1, 8 * MIB);
    const base = bytes.slice();
    disk.inOrder = crash % 2 === 0;
    disk.record = true;
    const promises = [{ at: 0, durable }];
    run(ext4.mount());
    if (disk.history.length === 0) left++;
    run(function* () {
      yield* ext4.dropOrphans();
      for (const [name, [seed, length]] of durable) {
        const inode = yield* finish(ext4.root.lookup(name));
        assert(inode !== undefined, `${what}: ${name} is lost`);
        assertEquals(yield* readAll(inode), pattern(seed, length), `${what}: ${name}`);
        yield* finish(inode.release());
      }
      const live = new Map(durable);
      for (let round = 0; round < 1 + next() % 12; round++) {
        // Blocks of names that are gone become blocks of data.
        const folder = yield* finish(
          ext4.root.create(`${crash}.${round}`, S.IFDIR | 0o755, 0, 0, 0),
        );
        const inside = Array.from({ length: 40 }, (_, at) => `${at}-${"x".repeat(150)}`);
        for (const name of inside) {
          yield* finish((yield* make(folder, name, new Uint8Array())).release());
        }
        yield* finish(ext4.sync());
        for (const name of inside) yield* finish(folder.unlink(name));
        yield* finish(folder.release());
        yield* finish(ext4.root.rmdir(`${crash}.${round}`));
        const gone = [...live.keys()].at(next() % 8);
        if (gone !== undefined) {
          yield* finish(ext4.root.unlink(gone));
          live.delete(gone);
        }
        yield* finish(ext4.sync());
        const name = `${crash}-${round}`, file: [number, number] = [next(), next() % 50_000];
        const inode = yield* make(ext4.root, name, pattern(...file));
        yield* finish(inode.sync(false));
        yield* finish(inode.release());
        live.set(name, file);
        promises.push({ at: disk.history.length, durable: new Map(live) });
      }
    }());
    const point = next() % (disk.history.length + 1);
    bytes = crashedImage(base, disk.history, point, next);
    const kept = promises.findLast(({ at }) => at <= point)!.durable;
    // What a later step removed may be gone.
    const later = promises.filter(({ at }) => at > point);
    durable = new Map(
      [...kept].filter(([name]) => later.every(({ durable }) => durable.has(name))),
    );
    if (crash % 4 === 0) {
      const image = bytes.slice();
      const after = machine(image, crash + 1, 8 * MIB);
      after.run(after.ext4.mount());
      after.run(after.ext4.unmount());
      assertClean(image, what);
    }
  }
  assert(left > 10, `only ${left} journals were left as they were`);
});

for (const order of ["any order", "order"]) {
  Deno.test(`crashes at 200 random points, of a disk in ${order}: what was fsynced is there, and the image is clean`, () => {
    const seed = 20260101;
    const next = seededRandom(seed);
    const fresh = ownImage(8);
    const bytes = fresh.slice();
    const { ext4, run, disk } = machine(bytes, 3);
    run(ext4.mount());
    disk.inOrder = order === "order";
    disk.record = true;
    disk.history.length = 0;
    const base = bytes.slice();
    /** names known to be durable once so much of the history has happened */
    const promises: { at: number; name: string; length: number; gone: boolean }[] = [];
    run(function* () {
      for (let round = 0; round < 40; round++) {
        const name = `f${round}`;
        const inode = yield* make(ext4.root, name, pattern(round, (round * 3001) % 40_000));
        if (round % 4 === 1 && (round - 1) % 5 !== 4) {
          yield* finish(ext4.root.rename(`f${round - 1}`, ext4.root, `r${round}`, false));
        }
        yield* finish(inode.sync(false));
        promises.push({
          at: disk.history.length,
          name,
          length: (round * 3001) % 40_000,
          gone: false,
        });
        yield* finish(inode.release());
        if (round % 5 === 4) {
          yield* finish(ext4.root.unlink(`f${round}`));
          promises.push({ at: disk.history.length, name, length: 0, gone: true });
        }
      }
    }());
    for (let crash = 0; crash < 200; crash++) {
      const point = next() % disk.history.length;
      const image = crashedImage(base, disk.history, point, next);
      const what = `seed ${seed}, crash ${crash} at write ${point}`;
      const after = machine(image, crash + 10);
      after.run(after.ext4.mount());
      after.run(after.ext4.dropOrphans());
      after.run(function* () {
        const known = new Map(
          promises.filter((promise) => promise.at <= point).map((
            promise,
          ) => [promise.name, promise]),
        );
        for (const { name, length, gone } of known.values()) {
          if (gone) continue;
          const inode = (yield* finish(after.ext4.root.lookup(name))) ??
            (yield* finish(after.ext4.root.lookup(`r${Number(name.slice(1)) + 1}`)));
          assert(inode !== undefined, `${what}: ${name} is lost`);
          assertEquals(yield* readAll(inode), pattern(Number(name.slice(1)), length), what);
          yield* finish(inode.release());
        }
      }());
      after.run(after.ext4.unmount());
      if (crash % 4 === 0) assertClean(image, what);
    }
  });
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
    const { ext4, run, disk, pause } = machine(bytes, seed, 8 * MIB);
    run(ext4.mount());
    const base = bytes.slice();
    disk.record = disk.copies = true;
    disk.inOrder = seed % 2 === 0;
    let fsyncAt = 0, durableAt = 0;
    run(function* () {
      const inode = yield* make(ext4.root, "file", pattern(1, 10));
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
    const after = machine(crashedImage(base, disk.history, durableAt, () => 1), seed, 8 * MIB);
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
  const { ext4, run, disk, pause } = machine(ownImage(16), 3, 8 * MIB);
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
  const synced = run(make(ext4.root, "synced", pattern(1, MIB)));
  run(finish(synced.sync(false)));
  const unsynced = run(make(ext4.root, "unsynced", pattern(1, MIB)));
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
  for (
    const [inOrder, expected] of [
      [true, ["flush", 8192, "flush", 4096]],
      [false, ["flush", 8192, 4096]],
    ] as const
  ) {
    const { ext4, run, disk } = machine(ownImage(8));
    const { io } = ext4.files;
    disk.inOrder = inOrder;
    disk.record = true;
    const write = (position: number) => io.writeAll([{ position, bytes: pattern(position, 4096) }]);
    run(io.durably(together([function* () {
      yield* write(4096);
      yield* write(8192);
    }()])));
    const newestFirst = disk.history.map((each) => each?.position ?? "flush").reverse();
    assertEquals(newestFirst, [...expected]);
    disk.history.length = 0;
    run(io.writeDurably([{ position: 4096, bytes: pattern(1, 4096) }]));
    assertEquals(disk.history.map((each) => each?.position ?? "flush"), [4096, "flush"]);
  }
});

Deno.test("fsync tells of a disk that refused what was on its way before", () => {
  const { ext4, run, disk, pause } = machine(ownImage(16), 5, 8 * MIB);
  run(ext4.mount());
  const inode = run(make(ext4.root, "file", pattern(1, 10)));
  disk.broken = true;
  run(fill(inode, 1, pause));
  let errno: number | undefined;
  try {
    run(finish(inode.sync(false)));
  } catch (failure) {
    errno = (failure as Errno).errno;
  }
  assertEquals(errno, E.EIO);
});

for (const inOrder of [false, true]) {
  Deno.test(`a commit waits ${inOrder ? "twice" : "four times"} for a disk ${inOrder ? "" : "not "}in order, and for neighbours of its journal once`, () => {
    const { ext4, run, disk } = machine(ownImage(16), 5, 8 * MIB);
    disk.inOrder = inOrder;
    run(ext4.mount());
    const inode = run(make(ext4.root, "file", pattern(1, 10)));
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
    assertEquals(waits, inOrder ? 2 : 4);
  });
}

Deno.test("a reader waits for its disk once for all that it asks for, and not for what was advised", () => {
  const contents = pattern(1, 3 * MIB), bytes = ownImage(16);
  {
    const { ext4, run } = machine(bytes, 5, 8 * MIB);
    run(ext4.mount());
    run(make(ext4.root, "file", contents));
    run(ext4.unmount());
  }
  const { ext4, run, disk, pause } = machine(bytes, 5, 8 * MIB);
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
  const { ext4, run, disk, pause } = machine(ownImage(16), 5, 8 * MIB);
  run(ext4.mount());
  const inode = run(make(ext4.root, "file", pattern(1, 10)));
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

Deno.test("the host replays our journal as we do", () => {
  const bytes = ownImage(8);
  const { ext4, run } = machine(bytes, 5);
  run(ext4.mount());
  run(function* () {
    const inode = yield* make(ext4.root, "kept", pattern(9, 50_000));
    yield* finish(inode.sync(false));
  }());
  const path = Deno.makeTempFileSync(), out = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    command("e2fsck", "-fy", "-E", "journal_only", path);
    const { code, text } = command("e2fsck", "-fn", path);
    assertEquals(code, 0, text);
    command("debugfs", "-R", `dump /kept ${out}`, path);
    assertEquals(Deno.readFileSync(out), pattern(9, 50_000));
  } finally {
    Deno.removeSync(path);
    Deno.removeSync(out);
  }
});

Deno.test("random bits flipped in an image harm nobody: 300 images", () => {
  const seed = 77;
  const next = seededRandom(seed);
  const bytes = ownImage(8);
  const made = machine(bytes, 6);
  made.run(made.ext4.mount());
  made.run(exercise(made.ext4));
  made.run(made.ext4.unmount());
  let refused = 0;
  for (let attempt = 0; attempt < 300; attempt++) {
    const image = bytes.slice();
    for (let flips = 0; flips < 20; flips++) {
      image[next() % (next() % 2 === 0 ? 8192 : 600 * 4096)] ^= 1 << next() % 8;
    }
    const { ext4, run } = machine(image, attempt + 1);
    try {
      run(ext4.mount());
      run(function* () {
        for (const name of yield* names(ext4.root)) {
          const inode = yield* finish(ext4.root.lookup(name));
          if (inode === undefined) continue;
          if (
            (inode.attributes.mode & S.IFMT) === S.IFREG && inode.attributes.sizeBytes < 4 * MIB
          ) yield* readAll(inode);
          yield* finish(inode.release());
        }
        yield* make(ext4.root, "new", pattern(1, 5000));
        yield* finish(ext4.sync());
      }());
    } catch (failure) {
      const expected = failure instanceof Errno || (failure as Error).name === "BadImage" ||
        (failure as Error).name === "AssertionError";
      if (!expected) {
        throw new Error(`seed ${seed}, attempt ${attempt}: ${failure} ${(failure as Error).stack}`);
      }
      refused++;
    }
  }
  assert(refused > 10, `${refused} refused`);
});
