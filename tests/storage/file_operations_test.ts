// Random file operations on our file systems and on the host's: every result is the same. The host's
// side is host_files.py. A failure names seed and step; --filter "seed N" replays it.
import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { callNumber } from "../../schemas/syscalls.ts";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { makeExt4 } from "../../runtime/image/mkfs/mkfs.ts";
import { type Blocking, isCoroutine, Tasks } from "../../runtime/kernel/coroutine.ts";
import { createDomainMemory } from "../../runtime/kernel/domain_memory.ts";
import type { Environment } from "../../runtime/kernel/environment.ts";
import { Errno, errnoName } from "../../runtime/kernel/errno.ts";
import { handlers, Processes } from "../../runtime/kernel/process/process_component.ts";
import type { Process } from "../../runtime/kernel/process/process.ts";
import { Ext4 } from "../../runtime/kernel/storage/ext4/ext4.ts";
import { createTmpfs } from "../../runtime/kernel/storage/tmpfs/tmpfs.ts";
import { AT, O } from "../../runtime/kernel/vfs/constants.ts";
import { type FileSystem, S } from "../../runtime/kernel/vfs/filesystem.ts";
import { FileServer } from "../../runtime/kernel/vfs/vfs.ts";
import { checkImage, withFolder } from "../fixtures/boot_harness.ts";
import { DOMAIN_BASE } from "../fixtures/small_machine.ts";
import { TestDisk } from "./test_disk.ts";

const STEPS = 4000;
const SLOTS = 6;
const here = AT.FDCWD;

type Operation = [name: string, ...parameters: (string | number)[]];

/** Operations on few names, so that they meet; sizes around page and block borders. */
function operations(seed: number): Operation[] {
  const next = seededRandom(seed);
  const pick = <T>(of: T[]): T => of[next() % of.length];
  const path = (): string =>
    Array.from({ length: 1 + next() % 3 }, () => pick(["a", "b", "c", "d", "e"])).join("/");
  const slot = () => next() % SLOTS;
  const offset = () => pick([0, next() % 5000, 4096, next() % 300_000]);
  const length = () => pick([1, next() % 300, 4096, next() % 40_000]);
  const flags = () =>
    pick([O.RDONLY, O.RDWR, O.WRONLY, O.RDWR]) | pick([0, O.CREAT, O.CREAT, O.CREAT | O.EXCL]) |
    pick([0, 0, 0, O.TRUNC]) | pick([0, 0, 0, O.APPEND]) | pick([0, 0, 0, 0, O.NOFOLLOW]) |
    pick([0, 0, 0, 0, 0, O.DIRECTORY]);
  const make: (() => Operation)[] = [
    () => ["open", slot(), path(), opening(flags()), 0o600 | next() % 0o100],
    () => ["open", slot(), path(), O.RDWR | O.CREAT, 0o644],
    () => ["close", slot()],
    () => ["pwrite", slot(), offset(), length(), 1 + next() % 255],
    () => ["pwrite", slot(), offset(), length(), 1 + next() % 255],
    () => ["write", slot(), length(), 1 + next() % 255],
    () => ["pread", slot(), offset(), length()],
    () => ["read", slot(), length()],
    () => ["lseek", slot(), next() % 50_000, pick([0, 1, 2])],
    () => ["ftruncate", slot(), offset()],
    () => ["truncate", path(), offset()],
    () => ["fallocate", slot(), offset(), length()],
    () => ["fstat", slot()],
    () => ["mkdir", path(), 0o755],
    () => ["mkdir", path(), 0o700 | next() % 0o100],
    () => ["rmdir", path()],
    () => ["unlink", path()],
    () => ["rename", path(), path()],
    () => ["rename", path(), path()],
    () => ["link", path(), path()],
    () => ["symlink", path(), path()],
    () => ["readlink", path()],
    () => ["chmod", path(), 0o600 | next() % 0o200],
    () => ["stat", path()],
    () => ["lstat", path()],
    () => ["readdir", pick([".", path()])],
  ];
  return Array.from({ length: STEPS }, () => pick(make)());
}

/** O_DIRECTORY with O_CREAT is EINVAL or not, as the version of Linux has it. */
function opening(flags: number): number {
  return (flags & O.DIRECTORY) !== 0 ? flags & ~(O.CREAT | O.EXCL | O.TRUNC) : flags;
}

/** One file system below a process, with system calls that end as their result or an errno's name. */
class World {
  readonly #tasks: Tasks;
  readonly #process: Process;
  readonly #slots = new Map<number, number>();
  #nowNs = 0;

  constructor(
    make: (environment: Environment, run: <T>(work: () => Blocking<T>) => T) => FileSystem,
    private readonly disk: TestDisk | undefined,
    seed: number,
  ) {
    const next = seededRandom(seed);
    this.#tasks = new Tasks(() => this.#nowNs++);
    const environment: Environment = {
      nowNs: () => this.#nowNs++,
      realtimeNs: () => BigInt(this.#nowNs++),
      random: (into) => into.forEach((_, index) => into[index] = next()),
      tasks: this.#tasks,
      memory: createDomainMemory(new SharedArrayBuffer(4 << 20), DOMAIN_BASE),
      log: () => {},
    };
    const server = new FileServer([make(environment, (work) => this.run(work))], environment);
    const processes = new Processes(environment);
    this.run(() => processes.mounts.mount(server, 0, "test", "/", undefined));
    this.#process = this.run(() => processes.start("test", [], 0, 0));
    this.call("umask", 0);
  }

  run<T>(work: () => Blocking<T>): T {
    const result = work();
    if (!isCoroutine(result)) return result;
    let outcome: { value?: T; failure?: unknown } | undefined;
    this.#tasks.spawn(result, (value, failure) => outcome = { value, failure });
    for (let idle = 0; outcome === undefined; idle++) {
      if (this.#tasks.run() + (this.disk?.poll() ?? 0) > 0) idle = 0;
      if (idle > 1e6) throw new Error("A call waits for ever");
    }
    const { value, failure } = outcome as { value?: T; failure?: unknown };
    if (failure !== undefined) throw failure;
    return value as T;
  }

  /** @throws Errno */
  call(name: string, ...parameters: unknown[]): number {
    const status = this.run(() => handlers.get(callNumber(name))!(this.#process, ...parameters));
    if (status < 0) throw new Errno(-status);
    return status;
  }

  perform(operation: Operation): unknown {
    try {
      return this.#perform(operation);
    } catch (failure) {
      if (failure instanceof Errno) return errnoName(failure.errno);
      throw failure;
    }
  }

  #perform([name, ...parameters]: Operation): unknown {
    const [first, second, third, fourth] = parameters as [never, never, never, never];
    const slot = this.#slots.get(first);
    const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte);
    const contents = (into: Uint8Array, count: number) => [
      count,
      createHash("sha1").update(into.subarray(0, count)).digest("hex"),
    ];
    switch (name) {
      case "open": {
        if (slot !== undefined) this.#close(first, slot);
        this.#slots.set(first, this.call("openat", here, second, third, fourth));
        return "ok";
      }
      case "close":
        if (slot !== undefined) this.#close(first, slot);
        return "ok";
      case "mkdir":
        this.call("mkdirat", here, first, second);
        return "ok";
      case "rmdir":
        this.call("unlinkat", here, first, AT.REMOVEDIR);
        return "ok";
      case "unlink":
        this.call("unlinkat", here, first, 0);
        return "ok";
      case "rename":
        this.call("renameat2", here, first, here, second, 0);
        return "ok";
      case "link":
        this.call("linkat", here, first, here, second, 0);
        return "ok";
      case "symlink":
        this.call("symlinkat", first, here, second);
        return "ok";
      case "truncate":
        this.call("truncate", first, second);
        return "ok";
      case "chmod":
        this.call("fchmodat", here, first, second);
        return "ok";
      case "readlink": {
        const into = new Uint8Array(4096);
        const length = this.call("readlinkat", here, first, into);
        return new TextDecoder().decode(into.subarray(0, length));
      }
      case "stat":
        return this.#stat(first, 0);
      case "lstat":
        return this.#stat(first, AT.SYMLINK_NOFOLLOW);
      case "readdir":
        return this.#list(first);
    }
    if (slot === undefined) return "no slot";
    switch (name) {
      case "pwrite":
        return this.call("pwrite64", slot, filled(third, fourth), second);
      case "write":
        return this.call("write", slot, filled(second, third));
      case "pread": {
        const into = new Uint8Array(third);
        return contents(into, this.call("pread64", slot, into, second));
      }
      case "read": {
        const into = new Uint8Array(second);
        return contents(into, this.call("read", slot, into));
      }
      case "lseek":
        if (shown(this.#fstat(slot)).length === 1) return "no file";
        return this.call("lseek", slot, second, third);
      case "ftruncate":
        this.call("ftruncate", slot, second);
        return "ok";
      case "fallocate":
        this.call("fallocate", slot, 0, second, third);
        return "ok";
      case "fstat":
        return shown(this.#fstat(slot));
    }
    throw new Error(`There is no operation "${name}"`);
  }

  #fstat(fd: number): Uint8Array {
    const out = new Uint8Array(128);
    this.call("fstat", fd, out);
    return out;
  }

  #close(slot: number, fd: number): void {
    this.#slots.delete(slot);
    this.call("close", fd);
  }

  #stat(path: string, flags: number): unknown {
    const out = new Uint8Array(128);
    this.call("newfstatat", here, path, out, flags);
    return shown(out);
  }

  #list(path: string): string[] {
    const fd = this.call("openat", here, path, O.RDONLY | O.DIRECTORY, 0);
    const names: string[] = [];
    const into = new Uint8Array(4096);
    for (;;) {
      const filled = this.call("getdents64", fd, into);
      if (filled === 0) break;
      const view = new DataView(into.buffer);
      for (let at = 0; at < filled; at += view.getUint16(at + 16, true)) {
        const end = into.indexOf(0, at + 19);
        names.push(new TextDecoder().decode(into.subarray(at + 19, end)));
      }
    }
    this.call("close", fd);
    return names.filter((name) => name !== "." && name !== ".." && name !== "lost+found").sort();
  }

  /** Closes everything that is open. */
  finish(): void {
    for (const [slot, fd] of [...this.#slots]) this.#close(slot, fd);
  }
}

/** Of a `struct stat`: mode, and links and size of a regular file; the rest is each system's own. */
function shown(stat: Uint8Array): unknown[] {
  const view = new DataView(stat.buffer);
  const mode = view.getUint32(16, true);
  const all = [`0o${mode.toString(8)}`];
  return (mode & S.IFMT) === S.IFREG
    ? [...all, view.getUint32(20, true), Number(view.getBigInt64(48, true))]
    : all;
}

function onHost(folder: string, ops: Operation[]): unknown[] {
  const script = new URL("./host_files.py", import.meta.url).pathname;
  const input = `${folder}/operations.json`, root = `${folder}/host`;
  Deno.mkdirSync(root);
  Deno.writeTextFileSync(input, JSON.stringify({ root, ops }));
  const { code, stdout, stderr } = new Deno.Command("sh", {
    args: ["-c", 'exec python3 "$0" < "$1"', script, input],
  }).outputSync();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

function compare(world: World, folder: string, seed: number): void {
  const ops = operations(seed);
  const expected = onHost(folder, ops);
  ops.forEach((operation, step) => {
    const result = world.perform(operation);
    assertEquals(
      JSON.stringify(result),
      JSON.stringify(expected[step]),
      `seed ${seed}, step ${step}: ${JSON.stringify(operation)}`,
    );
  });
  world.finish();
}

for (const seed of [1, 2, 3]) {
  Deno.test(`${STEPS} random operations on ext4 end as on the host, seed ${seed}`, () =>
    withFolder((folder) => {
      const image = `${folder}/disk.img`;
      const bytes = new Uint8Array(64 << 20);
      makeExt4(
        { sizeBytes: bytes.length, write: (at, part) => bytes.set(part, at) },
        { uuid: new Uint8Array(16).fill(7), label: "test", timeSeconds: 1_700_000_000 },
      );
      const disk = new TestDisk(bytes, seededRandom(seed));
      let ext4!: Ext4;
      const world = new World(
        (environment, run) => {
          ext4 = new Ext4(environment, disk, Infinity);
          run(() => ext4.mount());
          return ext4;
        },
        disk,
        seed,
      );
      compare(world, folder, seed);
      world.run(() => ext4.unmount());
      Deno.writeFileSync(image, bytes);
      assertEquals(checkImage(image), "");
      return Promise.resolve();
    }));

  Deno.test(`${STEPS} random operations on tmpfs end as on the host, seed ${seed}`, () =>
    withFolder((folder) => {
      const world = new World(
        (environment) => createTmpfs(environment, {}, {}).provides.filesystem as FileSystem,
        undefined,
        seed,
      );
      compare(world, folder, seed);
      return Promise.resolve();
    }));
}
