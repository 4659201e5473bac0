// Folders and archives of the host as trees, and the ext4 images of them that e2fsck and debugfs agree on.
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { debianImage, imageFor } from "../../runtime/image/image_cache.ts";
import { type Entry, fileEntry, readData, symlinkEntry } from "../../runtime/image/tree/entry.ts";
import { entriesOfHost, treeOfFolder } from "../../runtime/image/tree/folder.ts";
import { treeOfTar } from "../../runtime/image/tree/tar_file.ts";
import { Tree } from "../../runtime/image/tree/tree.ts";
import { writeExt4 } from "../../runtime/image/write_ext4.ts";
import {
  archiveOf,
  attributesOf,
  command,
  debugfs,
  optionsOf,
  USUAL,
  withFolder,
} from "./small_archive.ts";

Deno.test("folders and tar files of the host become images with the same contents", async () => {
  await withFolder(async (folder) => {
    const source = `${folder}/source`;
    Deno.mkdirSync(`${source}/deep/er`, { recursive: true });
    const large = Uint8Array.from({ length: 3_000_000 }, (_, at) => at * 31 + (at >> 8));
    Deno.writeFileSync(`${source}/deep/er/large`, large);
    Deno.writeTextFileSync(`${source}/empty`, "");
    Deno.linkSync(`${source}/deep/er/large`, `${source}/same`);
    Deno.symlinkSync("deep/er", `${source}/link`);
    Deno.chmodSync(`${source}/empty`, 0o2640);
    Deno.utimeSync(`${source}/empty`, 1_600_000_000, 1_600_000_000);
    const archive = `${folder}/tree.tar.gz`;
    command("tar", "-czf", archive, "--owner=0", "--group=0", "--sort=name", "-C", source, ".");
    for (
      const [name, tree] of [
        ["folder", treeOfFolder(source)],
        ["tar", await treeOfTar(archive)],
      ] as [string, Tree][]
    ) {
      const image = `${folder}/${name}.img`;
      await writeExt4(image, 32 << 20, tree);
      assertEquals(Deno.statSync(image).size, 32 << 20);
      command("e2fsck", "-fn", image);
      debugfs(image, `dump /deep/er/large ${folder}/out`);
      assertEquals(Deno.readFileSync(`${folder}/out`), large, name);
      assertStringIncludes(debugfs(image, "stat /same"), "Links: 2");
      assertEquals(attributesOf(image, "/empty"), "regular 02640 0:0");
      assertStringIncludes(debugfs(image, "stat /empty"), "mtime: 0x5f5e1000:00000000");
      assertStringIncludes(debugfs(image, "stat /link"), 'dest: "deep/er"');
    }
    Deno.writeFileSync(archive, Deno.readFileSync(archive).slice(0, -5000));
    await assertRejects(
      () => treeOfTar(archive),
      Error,
      `Cannot read tar file ${archive}: its gzip`,
    );
    assertThrows(() => treeOfFolder(`${folder}/nowhere`));
  });
});

Deno.test("a folder of the host is added to a tree with what is in it, a file as a file", async () => {
  await withFolder((folder) => {
    const source = `${folder}/source`;
    Deno.mkdirSync(`${source}/deep`, { recursive: true });
    Deno.writeTextFileSync(`${source}/deep/one`, "one");
    Deno.linkSync(`${source}/deep/one`, `${source}/same`);
    Deno.symlinkSync("deep", `${source}/link`);
    Deno.chmodSync(`${source}/deep/one`, 0o755);
    const tree = new Tree();
    tree.addAll(entriesOfHost("etc/added", source), "replace");
    tree.addAll(entriesOfHost("etc/added/deep/two", `${source}/deep/one`), "replace");
    const text = (entry: Entry) =>
      `${entry.kind} ${entry.path} ${entry.mode.toString(8)}` +
      ("target" in entry ? ` ${entry.target}` : "");
    assertEquals(tree.entries.filter(({ path }) => path !== "").map(text), [
      "directory etc 755",
      "directory etc/added 755",
      "directory etc/added/deep 755",
      "file etc/added/deep/one 755",
      "symlink etc/added/link 777 deep",
      "file etc/added/deep/two 755",
      "hardlink etc/added/same 755 etc/added/deep/one",
    ]);
    const failure = assertThrows(() => entriesOfHost("etc/it", `${folder}/nowhere`), Error);
    assertStringIncludes(failure.message, `Cannot add ${folder}/nowhere as /etc/it: `);
    return Promise.resolve();
  });
});

Deno.test("a tree that does not fit is refused, and leaves no image behind", async () => {
  await withFolder(async (folder) => {
    const tree = new Tree();
    tree.add(fileEntry("large", new Uint8Array(12 << 20)));
    await assertRejects(
      () => writeExt4(`${folder}/x.img`, 8 << 20, tree),
      Error,
      `Cannot make image ${folder}/x.img: the tree does not fit in 8388608 bytes`,
    );
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("a tree with more directories than the file system keeps in memory is written whole", async () => {
  await withFolder(async (folder) => {
    const tree = new Tree();
    const paths = Array.from({ length: 4000 }, (_, index) => `d${index % 50}/e${index}`);
    for (const path of paths) tree.add(fileEntry(`${path}/file`, path));
    const image = `${folder}/x.img`;
    await writeExt4(image, 2 * 2 ** 30, tree);
    command("e2fsck", "-fn", image);
    assertEquals(debugfs(image, "cat /d49/e3999/file"), "d49/e3999");
  });
});

Deno.test("a tree with many small files gets an image with inodes enough", async () => {
  await withFolder(async (folder) => {
    const tree = new Tree();
    for (let index = 0; index < 6000; index++) {
      tree.add(fileEntry(`many/${"n".repeat(60)}${index}`, index % 3 === 0 ? "x" : ""));
    }
    await writeExt4(`${folder}/x.img`, "fit", tree);
    command("e2fsck", "-fn", `${folder}/x.img`);
  });
});

Deno.test("an image is made once for the same input, and the same bytes each time", async () => {
  await withFolder(async (folder) => {
    const archive = await archiveOf(USUAL);
    const options = optionsOf(archive, folder, "server");
    const request = { ...options, sizeBytes: "fit" as const, extra: [fileEntry("etc/x", "1")] };
    const first = await debianImage(request);
    const bytes = Deno.readFileSync(first.path);
    const { mtime } = Deno.statSync(first.path);
    assertEquals((await debianImage(request)).path, first.path);
    assertEquals(Deno.statSync(first.path).mtime, mtime);
    Deno.removeSync(first.path);
    assertEquals((await debianImage(request)).path, first.path);
    assertEquals(Deno.readFileSync(first.path), bytes);
    const other = await debianImage({ ...request, extra: [fileEntry("etc/x", "2")] });
    assert(other.path !== first.path);
    const failing = imageFor({
      cacheFolder: folder,
      key: 1,
      sizeBytes: "fit",
      tree: () => Promise.reject(new Error("no tree")),
    });
    await assertRejects(() => failing, Error, "no tree");
    assertEquals([...Deno.readDirSync(`${folder}/images`)], []);
  });
});

Deno.test("contents that are not as long as they say are an error", async () => {
  const short = {
    sizeBytes: 10,
    async *chunks() {
      yield await Promise.resolve(new Uint8Array(4));
    },
  };
  await assertRejects(() => readData(short), Error, "it is shorter than it says");
  await withFolder(async (folder) => {
    const tree = new Tree();
    tree.add(fileEntry("a/short", short));
    await assertRejects(
      () => writeExt4(`${folder}/x.img`, "fit", tree),
      Error,
      "/a/short: it has 4 bytes, and was to have 10",
    );
  });
});

const realMirror = Deno.env.get("VIRTUOS_TEST_MIRROR");
Deno.test({
  name:
    "sqlite3 of the real archive makes a clean image (VIRTUOS_TEST_MIRROR: its address, or apt)",
  ignore: realMirror === undefined || realMirror === "",
  fn: () =>
    withFolder(async (folder) => {
      const { path, packages } = await debianImage({
        suite: "trixie",
        architecture: "riscv64",
        packages: ["sqlite3", "busybox-static"],
        mirror: realMirror === "apt" ? undefined : realMirror,
        cacheFolder: folder,
        sizeBytes: "fit",
        extra: [symlinkEntry("bin/sh", "busybox")],
      });
      assert(packages.some(({ name }) => name === "libc6"));
      command("e2fsck", "-fn", path);
      assertStringIncludes(debugfs(path, "stat /usr/bin/sqlite3"), "Mode:  0755");
    }),
});
