// ext4 against what others made and check: images of mke2fs in many shapes, trees read back, our own images
// listed by debugfs, everything clean for e2fsck; and images with flipped bits.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { finish } from "../../runtime/kernel/coroutine.ts";
import { E, Errno } from "../../runtime/kernel/errno.ts";
import { FL } from "../../runtime/kernel/vfs/constants.ts";
import { S } from "../../runtime/kernel/vfs/filesystem.ts";
import {
  assertClean,
  exercise,
  ext4Machine,
  hostCommand,
  hostImage,
  makeFile,
  MIB,
  namesIn,
  ownImage,
  pattern,
  readAll,
} from "./small_ext4.ts";

Deno.test("our mkfs makes what e2fsck finds clean, and what we can use", () => {
  for (const size of [8, 64, 200]) {
    const bytes = ownImage(size);
    assertClean(bytes, `fresh image of ${size} MiB`);
    if (size !== 64) continue;
    const { ext4, run } = ext4Machine(bytes);
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
    const { ext4, run } = ext4Machine(bytes);
    run(ext4.mount());
    run(exercise(ext4));
    run(ext4.unmount());
    assertClean(bytes, title);
    const again = ext4Machine(bytes, 2);
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
    const { ext4, run } = ext4Machine(hostImage(24, options));
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
    const { ext4, run } = ext4Machine(hostImage(48, [], tree));
    run(ext4.mount());
    run(function* () {
      let count = 0;
      for (let folder = 0; folder < 10; folder++) {
        const directory = (yield* finish(ext4.root.lookup(`d${folder}`)))!;
        for (const name of yield* namesIn(directory)) {
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
  const { ext4, run } = ext4Machine(bytes);
  run(ext4.mount());
  run(function* () {
    const folder = yield* finish(
      ext4.root.create("folder", { mode: S.IFDIR | 0o755, uid: 0, gid: 0 }),
    );
    for (let index = 0; index < 20; index++) {
      yield* makeFile(folder, `file${index}`, pattern(index, index * 1000));
    }
  }());
  run(ext4.unmount());
  const path = Deno.makeTempFileSync(), out = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    for (let index = 0; index < 20; index++) {
      hostCommand("debugfs", "-R", `dump /folder/file${index} ${out}`, path);
      assertEquals(Deno.readFileSync(out), pattern(index, index * 1000));
    }
    const listing = hostCommand("debugfs", "-R", "ls -p /folder", path).text;
    for (let index = 0; index < 20; index++) assertStringIncludes(listing, `/file${index}/`);
  } finally {
    Deno.removeSync(path);
    Deno.removeSync(out);
  }
});

Deno.test("debugfs and chattr(1) agree on flags of files", () => {
  const bytes = ownImage(16);
  const { ext4, run } = ext4Machine(bytes);
  run(ext4.mount());
  run(function* () {
    const file = yield* makeFile(ext4.root, "file", pattern(1, 10));
    yield* finish(file.setFlags!(file.flags! | FL.IMMUTABLE | FL.NODUMP));
    const folder = yield* finish(
      ext4.root.create("folder", { mode: S.IFDIR | 0o755, uid: 0, gid: 0 }),
    );
    yield* finish(folder.setFlags!(folder.flags! | FL.NOATIME | FL.DIRSYNC));
    yield* makeFile(folder, "in", pattern(2, 10));
  }());
  run(ext4.unmount());
  assertClean(bytes, "with flags");
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    const flags = (name: string) =>
      hostCommand("debugfs", "-R", `stat ${name}`, path).text.match(/Flags: (0x\w+)/)?.[1];
    assertEquals([flags("/file"), flags("/folder"), flags("/folder/in")], [
      "0x80050",
      "0x90080",
      "0x80080",
    ]);
    hostCommand("debugfs", "-w", "-R", "set_inode_field /file flags 0x80020", path);
    const again = ext4Machine(Deno.readFileSync(path));
    again.run(again.ext4.mount());
    const file = again.run(finish(again.ext4.root.lookup("file")))!;
    assertEquals(file.flags, 0x80020);
    const refused = assertThrows(() => again.run(finish(file.setFlags!(0))));
    assertEquals((refused as Errno).errno, E.EOPNOTSUPP, "a file without extents");
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("the host replays our journal as we do", () => {
  const bytes = ownImage(8);
  const { ext4, run } = ext4Machine(bytes, 5);
  run(ext4.mount());
  run(function* () {
    const inode = yield* makeFile(ext4.root, "kept", pattern(9, 50_000));
    yield* finish(inode.sync(false));
  }());
  const path = Deno.makeTempFileSync(), out = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    hostCommand("e2fsck", "-fy", "-E", "journal_only", path);
    const { code, text } = hostCommand("e2fsck", "-fn", path);
    assertEquals(code, 0, text);
    hostCommand("debugfs", "-R", `dump /kept ${out}`, path);
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
  const made = ext4Machine(bytes, 6);
  made.run(made.ext4.mount());
  made.run(exercise(made.ext4));
  made.run(made.ext4.unmount());
  let refused = 0;
  for (let attempt = 0; attempt < 300; attempt++) {
    const image = bytes.slice();
    for (let flips = 0; flips < 20; flips++) {
      image[next() % (next() % 2 === 0 ? 8192 : 600 * 4096)] ^= 1 << next() % 8;
    }
    const { ext4, run } = ext4Machine(image, attempt + 1);
    try {
      run(ext4.mount());
      run(function* () {
        for (const name of yield* namesIn(ext4.root)) {
          const inode = yield* finish(ext4.root.lookup(name));
          if (inode === undefined) continue;
          if (
            (inode.attributes.mode & S.IFMT) === S.IFREG && inode.attributes.sizeBytes < 4 * MIB
          ) yield* readAll(inode);
          yield* finish(inode.release());
        }
        yield* makeFile(ext4.root, "new", pattern(1, 5000));
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
