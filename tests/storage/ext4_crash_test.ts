// ext4 after crashes at random points: what was made durable is there, and e2fsck finds the image clean.
import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { finish } from "../../runtime/kernel/coroutine.ts";
import { S } from "../../runtime/kernel/vfs/filesystem.ts";
import {
  assertClean,
  crashedImage,
  ext4Machine,
  hostImage,
  makeFile,
  MIB,
  namesIn,
  ownImage,
  pattern,
  readAll,
} from "./small_ext4.ts";

for (const order of ["any order", "order"]) {
  Deno.test(`crashes while directories come and go under a journal that wraps, of a disk in ${order}: the image is clean`, () => {
    const seed = 20260202;
    const next = seededRandom(seed);
    const bytes = hostImage(16, ["-b", "1024", "-J", "size=1"]);
    const { ext4, run, disk } = ext4Machine(bytes, 4, 8 * MIB);
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
          for (const each of yield* namesIn(directory)) yield* finish(directory.unlink(each));
          yield* finish(directory.release());
          yield* finish(ext4.root.rmdir(name));
        } else {
          const name = `directory-${round}`;
          const directory = yield* finish(
            ext4.root.create(name, { mode: S.IFDIR | 0o755, uid: 0, gid: 0 }),
          );
          for (let file = 0; file < 12 + next() % 20; file++) {
            const long = `${file}-${"x".repeat(150)}`;
            const inode = yield* finish(
              directory.create(long, { mode: S.IFREG | 0o644, uid: 0, gid: 0 }),
            );
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
      const after = ext4Machine(image, crash + 10, 8 * MIB);
      after.run(after.ext4.mount());
      after.run(after.ext4.dropOrphans());
      after.run(function* () {
        for (const name of yield* namesIn(after.ext4.root)) {
          const directory = (yield* finish(after.ext4.root.lookup(name)))!;
          if ((directory.attributes.mode & S.IFMT) === S.IFDIR) yield* namesIn(directory);
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
    const { ext4, run, disk } = ext4Machine(bytes, crash + 1, 8 * MIB);
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
          ext4.root.create(`${crash}.${round}`, { mode: S.IFDIR | 0o755, uid: 0, gid: 0 }),
        );
        const inside = Array.from({ length: 40 }, (_, at) => `${at}-${"x".repeat(150)}`);
        for (const name of inside) {
          yield* finish((yield* makeFile(folder, name, new Uint8Array())).release());
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
        const inode = yield* makeFile(ext4.root, name, pattern(...file));
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
      const after = ext4Machine(image, crash + 1, 8 * MIB);
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
    const { ext4, run, disk } = ext4Machine(bytes, 3);
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
        const inode = yield* makeFile(ext4.root, name, pattern(round, (round * 3001) % 40_000));
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
      const after = ext4Machine(image, crash + 10);
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
        // Nobody may find what a block held before it became his, whether he was told that it is durable or not.
        for (const name of yield* namesIn(after.ext4.root)) {
          const [, kind, number] = name.match(/^([fr])(\d+)$/) ?? [];
          if (kind === undefined) continue;
          const inode = (yield* finish(after.ext4.root.lookup(name)))!;
          const found = yield* readAll(inode), written = Number(number) - (kind === "r" ? 1 : 0);
          assertEquals(found, pattern(written, found.length), `${what}: ${name}`);
          yield* finish(inode.release());
        }
      }());
      after.run(after.ext4.unmount());
      if (crash % 4 === 0) assertClean(image, what);
    }
  });
}
