// ext4 on a disk in memory, images to begin with, and what makes and checks their contents: for tests.
import { assertEquals } from "@std/assert";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { type Coroutine, finish, Tasks } from "../../runtime/kernel/coroutine.ts";
import { createDomainMemory } from "../../runtime/kernel/domain_memory.ts";
import type { Environment } from "../../runtime/kernel/environment.ts";
import { Ext4 } from "../../runtime/kernel/storage/ext4/ext4.ts";
import { type Inode, S, SYMLINK_MODE } from "../../runtime/kernel/vfs/filesystem.ts";
import { makeExt4 } from "../../runtime/image/mkfs/mkfs.ts";
import { DOMAIN_BASE } from "../fixtures/small_machine.ts";
import { TestDisk } from "./test_disk.ts";

export const MIB = 1 << 20;

export function ext4Machine(bytes: Uint8Array, seed = 1, memoryBytes = 4 * MIB, readOnly = false) {
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

export function hostCommand(name: string, ...args: string[]): { code: number; text: string } {
  const { code, stdout, stderr } = new Deno.Command(name, {
    args,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  }).outputSync();
  const decode = new TextDecoder();
  return { code, text: decode.decode(stdout) + decode.decode(stderr) };
}

/** e2fsck finds nothing to say about an image. */
export function assertClean(bytes: Uint8Array, what: string): void {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    const { code, text } = hostCommand("e2fsck", "-fn", path);
    assertEquals(code, 0, `${what}: ${text}`);
  } finally {
    Deno.removeSync(path);
  }
}

/** Mounts the image of a path, lets `work` have it, and unmounts it clean. */
export function withImage(path: string, work: (ext4: Ext4) => Coroutine<void>): void {
  const bytes = Deno.readFileSync(path);
  const { ext4, run } = ext4Machine(bytes);
  run(ext4.mount());
  run(work(ext4));
  run(ext4.unmount());
  assertClean(bytes, path);
  Deno.writeFileSync(path, bytes);
}

export function hostImage(sizeMiB: number, options: string[], tree?: string): Uint8Array {
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
    const { code, text } = hostCommand("mke2fs", ...args);
    assertEquals(code, 0, text);
    return Deno.readFileSync(path);
  } finally {
    Deno.removeSync(path);
  }
}

export function ownImage(sizeMiB: number): Uint8Array {
  const bytes = new Uint8Array(sizeMiB * MIB);
  const uuid = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
  makeExt4({ sizeBytes: bytes.length, write: (at, part) => bytes.set(part, at) }, {
    uuid,
    label: "test",
    timeSeconds: 1_700_000_000,
  });
  return bytes;
}

export function pattern(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (seed * 31 + at * 7 + (at >> 8)) & 0xff);
}

export function* makeFile(parent: Inode, name: string, bytes: Uint8Array): Coroutine<Inode> {
  const inode = yield* finish(parent.create(name, { mode: S.IFREG | 0o644, uid: 0, gid: 0 }));
  assertEquals(yield* finish(inode.write(0, bytes)), bytes.length);
  return inode;
}

export function* readAll(inode: Inode): Coroutine<Uint8Array> {
  const bytes = new Uint8Array(inode.attributes.sizeBytes);
  assertEquals(yield* finish(inode.read(0, bytes)), bytes.length);
  return bytes;
}

export function* namesIn(directory: Inode): Coroutine<string[]> {
  const found: string[] = [];
  yield* finish(directory.list(0, (entry) => found.push(entry.name) > 0));
  return found.sort();
}

/** Work of many kinds, that ends with some of it removed again. */
export function* exercise(ext4: Ext4): Coroutine<void> {
  const root = ext4.root;
  const folder = yield* finish(root.create("folder", { mode: S.IFDIR | 0o755, uid: 1, gid: 2 }));
  const inodes: Inode[] = [];
  for (let index = 0; index < 60; index++) {
    inodes.push(yield* makeFile(folder, `file${index}`, pattern(index, index * 997)));
  }
  const sparse = yield* makeFile(root, "sparse", pattern(1, 10));
  for (let index = 1; index < 40; index++) {
    yield* finish(sparse.write(index * 20_000, pattern(index, 3000)));
  }
  yield* finish(sparse.allocate("punch-hole", 100_000, 150_000, true));
  yield* finish(sparse.allocate("allocate", 900_000, 50_000, false));
  yield* finish(
    root.create("short", { mode: SYMLINK_MODE, uid: 0, gid: 0, target: "folder/file1" }),
  );
  yield* finish(
    root.create("long", { mode: SYMLINK_MODE, uid: 0, gid: 0, target: "x".repeat(300) }),
  );
  yield* finish(root.create("device", { mode: S.IFCHR | 0o600, uid: 0, gid: 0, rdev: 5 << 8 | 1 }));
  yield* finish(root.link("second", inodes[5]));
  for (let index = 0; index < 60; index += 3) yield* finish(folder.unlink(`file${index}`));
  yield* finish(folder.rename("file1", root, "moved", false));
  yield* finish(inodes[2].truncate(5));
  const inner = yield* finish(folder.create("inner", { mode: S.IFDIR | 0o700, uid: 0, gid: 0 }));
  yield* finish(folder.rename("inner", root, "outer", false));
  for (const inode of [...inodes, sparse, folder, inner]) yield* finish(inode.release());
}

/** The image as it may be after a crash: what came before the last flush, and any part of what came after. */
export function crashedImage(
  base: Uint8Array,
  history: TestDisk["history"],
  point: number,
  next: () => number,
): Uint8Array {
  const image = base.slice();
  // Half of what was not flushed is lost, or nearly nothing: one write that is missing is as bad as many.
  const losses = next() % 2 === 0 ? 2 : 16;
  let lastFlush = point;
  while (lastFlush > 0 && history[lastFlush - 1] !== undefined) lastFlush--;
  for (let at = 0; at < point; at++) {
    const write = history[at];
    if (write !== undefined && (at < lastFlush || next() % losses !== 0)) {
      image.set(write.bytes, write.position);
    }
  }
  return image;
}
