// The primary's file calls over tmpfs servers in one thread: paths over mounts, loops, locks, and a
// server under hostile calls.
import { assert, assertEquals } from "@std/assert";
import { callNumber } from "../../schemas/syscalls.ts";
import { seededRandom } from "../../schemas/seeded_random.ts";
import {
  type Blocking,
  type Coroutine,
  isCoroutine,
  Tasks,
} from "../../runtime/kernel/coroutine.ts";
import { createDomainMemory } from "../../runtime/kernel/domain_memory.ts";
import type { Environment } from "../../runtime/kernel/environment.ts";
import { Errno, errnoName } from "../../runtime/kernel/errno.ts";
import { handlers, Processes } from "../../runtime/kernel/process/process_component.ts";
import type { Process } from "../../runtime/kernel/process/process.ts";
import { resolve } from "../../runtime/kernel/process/path/resolve.ts";
import type { Lock } from "../../runtime/kernel/process/file/sys_fcntl.ts";
import { createTmpfs } from "../../runtime/kernel/storage/tmpfs/tmpfs.ts";
import { AT, F, LOCK, O, RENAME } from "../../runtime/kernel/vfs/constants.ts";
import type { FileSystem } from "../../runtime/kernel/vfs/filesystem.ts";
import { Call, Private, WalkFlag } from "../../runtime/kernel/vfs/protocol.ts";
import { FileServer } from "../../runtime/kernel/vfs/vfs.ts";
import { DOMAIN_BASE } from "../fixtures/small_machine.ts";

/** Two servers: one has the root, the other is mounted on /mnt. */
function world() {
  let nowNs = 0;
  const tasks = new Tasks(() => nowNs++);
  const environment: Environment = {
    nowNs: () => nowNs++,
    realtimeNs: () => BigInt(nowNs++),
    random: () => {},
    tasks,
    memory: createDomainMemory(new SharedArrayBuffer(4096), DOMAIN_BASE),
    log: () => {},
  };
  const server = () =>
    new FileServer(
      [createTmpfs(environment, {}, {}).provides.filesystem as FileSystem],
      environment,
    );
  /** Runs work to its end; an errno is its name, waiting for ever is "WAITS". */
  const run = <T>(work: () => Blocking<T>): T | string => {
    let outcome: { value?: T; failure?: unknown } = { failure: "WAITS" };
    const settle = (value: T | undefined, failure: unknown) => outcome = { value, failure };
    try {
      const result = work();
      if (isCoroutine(result)) tasks.spawn(result, settle);
      else settle(result, undefined);
      for (let turns = 0; turns < 1000 && outcome.failure === "WAITS"; turns++) tasks.run();
    } catch (failure) {
      settle(undefined, failure);
    }
    const { value, failure } = outcome;
    if (failure instanceof Errno) return String(failure);
    if (failure === "WAITS") return failure;
    if (failure !== undefined) throw failure;
    return typeof value === "number" && value < 0 ? errnoName(-value) : value as T;
  };
  const first = server(), second = server();
  const processes = new Processes(environment);
  run(() => processes.mounts.mount(first, 0, "tmpfs", "/", undefined));
  const start = (uid: number) => run(() => processes.start("test", [], uid, uid)) as Process;
  const root = start(0);
  const call = (process: Process, name: string, ...args: unknown[]) =>
    run(() => handlers.get(callNumber(name))!(process, ...args));
  const sys = (name: string, ...args: unknown[]) => call(root, name, ...args);
  sys("mkdirat", AT.FDCWD, "/mnt", 0o755);
  run(function* (): Coroutine<void> {
    const covers = yield* resolve(root, root.root, "/mnt", WalkFlag.FOLLOW);
    yield* processes.mounts.mount(second, 0, "tmpfs", "/mnt", covers);
  });
  const open = (path: string, flags: number = O.RDONLY) =>
    sys("openat", AT.FDCWD, path, flags, 0o644) as number;
  const cwd = () => {
    const out = new Uint8Array(4096);
    const length = sys("getcwd", out) as number;
    return new TextDecoder().decode(out.subarray(0, length - 1));
  };
  return { first, root, processes, start, call, sys, open, cwd, run };
}

const here = AT.FDCWD;
const create = O.CREAT | O.RDWR;

Deno.test("paths cross mounts in both directions", () => {
  const { sys, open, cwd } = world();
  sys("mkdirat", here, "/mnt/a", 0o755);
  sys("symlinkat", "/mnt/a", here, "/link");
  sys("symlinkat", "../../etc", here, "/mnt/a/up");
  sys("mkdirat", here, "/etc", 0o755);
  assertEquals(sys("close", open("/link/file", create)), 0);
  assertEquals(sys("close", open("/mnt/a/../a/./file")), 0);
  assertEquals(sys("close", open("/mnt/a/up/there", create)), 0);
  assertEquals(sys("close", open("/mnt/../../etc/there")), 0);
  assertEquals(sys("chdir", "/link"), 0);
  assertEquals(cwd(), "/mnt/a");
  assertEquals(sys("chdir", "../.."), 0);
  assertEquals(cwd(), "/");
  assertEquals(open("/mnt/a/file/"), "ENOTDIR" as unknown as number);
  assertEquals(open(`/${"x".repeat(256)}`), "ENAMETOOLONG" as unknown as number);
  assertEquals(sys("linkat", here, "/etc/there", here, "/mnt/there", 0), "EXDEV");
  assertEquals(sys("renameat2", here, "/etc/there", here, "/mnt/there", 0), "EXDEV");
});

Deno.test("loops of links end as ELOOP, with O_CREAT too", () => {
  const { sys } = world();
  sys("symlinkat", "a", here, "a");
  sys("symlinkat", "/mnt/c", here, "b");
  sys("symlinkat", "/b", here, "/mnt/c");
  for (const name of ["a", "b"]) {
    for (const flags of [O.RDONLY, create]) {
      assertEquals(sys("openat", here, name, flags, 0o644), "ELOOP");
    }
  }
  assertEquals(sys("openat", here, "a", O.RDONLY | O.NOFOLLOW, 0), "ELOOP");
  assertEquals(sys("openat", here, "a", create | O.EXCL, 0o644), "EEXIST");
});

Deno.test("rename: what it refuses, replaces and exchanges", () => {
  const { sys, open } = world();
  for (const folder of ["d", "d/e", "f", "full", "full/x"]) sys("mkdirat", here, folder, 0o755);
  sys("close", open("file", create));
  const rename = (from: string, to: string, flags = 0) =>
    sys("renameat2", here, from, here, to, flags);
  assertEquals(rename("d", "d/e/g"), "EINVAL");
  assertEquals(rename("d", "full"), "ENOTEMPTY");
  assertEquals(rename("file", "f"), "EISDIR");
  assertEquals(rename("d", "file"), "ENOTDIR");
  assertEquals(rename("file", "f", RENAME.NOREPLACE), "EEXIST");
  assertEquals(rename("absent", "f"), "ENOENT");
  assertEquals(rename("mnt", "other"), "EBUSY");
  assertEquals(sys("unlinkat", here, "mnt", AT.REMOVEDIR), "EBUSY");
  assertEquals(rename("d", "f"), 0);
  assertEquals(rename("file", "f", RENAME.EXCHANGE), 0);
  assertEquals(sys("openat", here, "file/e", O.DIRECTORY, 0) as number >= 0, true);
});

Deno.test("permissions: others, sticky directories, search", () => {
  const { sys, call, start } = world();
  const user = start(1000);
  sys("fchmodat", here, "/", 0o755);
  sys("mkdirat", here, "/sticky", 0o777);
  sys("fchmodat", here, "/sticky", 0o1777);
  sys("mkdirat", here, "/closed", 0o700);
  sys("close", sys("openat", here, "/sticky/roots", create, 0o600));
  assertEquals(call(user, "openat", here, "/sticky/roots", O.RDONLY, 0), "EACCES");
  assertEquals(call(user, "unlinkat", here, "/sticky/roots", 0), "EPERM");
  assertEquals(call(user, "openat", here, "/closed/x", O.RDONLY, 0), "EACCES");
  assertEquals(call(user, "openat", here, "/new", create, 0o644), "EACCES");
  assertEquals(call(user, "openat", here, "/sticky/own", create, 0o644) as number >= 0, true);
  assertEquals(call(user, "fchmodat", here, "/sticky/own", 0o600), 0);
  assertEquals(call(user, "fchmodat", here, "/sticky/roots", 0o644), "EPERM");
});

Deno.test("locks: ranges, waiting, deadlock, and their end with the owner", () => {
  const { sys, call, start, processes } = world();
  const other = start(0);
  const mine = sys("openat", here, "f", create, 0o644),
    theirs = call(other, "openat", here, "f", O.RDWR, 0);
  const lock = (type: number, start = 0, length = 0): Lock => ({
    type,
    whence: 0,
    start,
    length,
    pid: 0,
  });
  assertEquals(sys("fcntl", mine, F.SETLK, lock(F.WRLCK, 0, 100)), 0);
  assertEquals(sys("fcntl", mine, F.SETLK, lock(F.UNLCK, 40, 20)), 0);
  assertEquals(call(other, "fcntl", theirs, F.SETLK, lock(F.WRLCK, 45, 10)), 0);
  const asked = lock(F.RDLCK, 60, 10);
  call(other, "fcntl", theirs, F.GETLK, asked);
  assertEquals([asked.type, asked.start, asked.length], [F.WRLCK, 60, 40]);
  assertEquals(call(other, "fcntl", theirs, F.SETLK, lock(F.WRLCK)), "EAGAIN");
  assertEquals(call(other, "fcntl", theirs, F.SETLKW, lock(F.WRLCK, 0, 10)), "WAITS");
  assertEquals(sys("fcntl", mine, F.SETLKW, lock(F.WRLCK, 45, 10)), "EDEADLK");
  assertEquals(sys("close", mine), 0);
  assertEquals(call(other, "fcntl", theirs, F.SETLK, lock(F.WRLCK)), 0);
  assertEquals(call(other, "flock", theirs, LOCK.EX), 0);
  const again = sys("openat", here, "f", O.RDWR, 0);
  assertEquals(sys("flock", again, LOCK.SH | LOCK.NB), "EAGAIN");
  processes.endThread(processes.startThread(other), 0);
  assertEquals(sys("flock", again, LOCK.SH | LOCK.NB), 0);
  assertEquals(sys("fcntl", again, F.SETLK, lock(F.RDLCK)), 0);
});

Deno.test("appends of two descriptors do not overwrite each other", () => {
  const { sys, open } = world();
  const one = open("log", create | O.APPEND), two = open("log", O.WRONLY | O.APPEND);
  for (const [fd, text] of [[one, "ab"], [two, "cd"], [one, "ef"]] as const) {
    assertEquals(sys("write", fd, new TextEncoder().encode(text)), 2);
  }
  assertEquals(sys("lseek", one, 0, 1), 6);
  const all = new Uint8Array(10);
  assertEquals(sys("pread64", one, all, 0), 6);
  assertEquals(new TextDecoder().decode(all.subarray(0, 6)), "abcdef");
});

Deno.test("a pipe: data, end, EPIPE, EAGAIN, and poll", () => {
  const { sys } = world();
  const out = new Uint8Array(8), ends = new Int32Array(out.buffer);
  sys("pipe2", out, O.NONBLOCK);
  const [reader, writer] = ends;
  const buffer = new Uint8Array(8);
  assertEquals(sys("read", reader, buffer), "EAGAIN");
  const entry = new Uint8Array(8), atOnce = new Uint8Array(16);
  new DataView(entry.buffer).setInt32(0, reader, true);
  entry[4] = 1;
  assertEquals(sys("ppoll", entry, 1, atOnce), 0);
  assertEquals(sys("write", writer, new Uint8Array(5)), 5);
  assertEquals([sys("ppoll", entry, 1, atOnce), entry[6]], [1, 1]);
  assertEquals(sys("read", reader, buffer), 5);
  sys("close", writer);
  assertEquals(sys("read", reader, buffer), 0);
  sys("pipe2", out, 0);
  sys("close", ends[0]);
  assertEquals(sys("write", ends[1], buffer), "EPIPE");
});

Deno.test("hostile calls get an errno, never more: 100,000 tries", () => {
  const seed = 12345;
  const next = seededRandom(seed);
  const { first, root, run } = world();
  const numbers = [...Object.values(Call), ...Object.values(Private)];
  const odd = [0, 1, 2, 3, 5, 64, 4096, 0o102, -1, 2 ** 31, 2 ** 32, 2 ** 44, 2 ** 53 - 1];
  const sizes = [0, 1, 8, 40, 300, 9000];
  let served = 0;
  for (let attempt = 0; attempt < 100_000; attempt++) {
    const number = numbers[next() % numbers.length];
    const args = Array.from({ length: 6 }, () => odd[next() % odd.length]);
    // Reserving terabytes page by page is slow, not wrong.
    if (number === Call.FALLOCATE && args[2] + args[3] > 2 ** 30) continue;
    const payload = new Uint8Array(sizes[next() % sizes.length]);
    for (let at = 0; at < Math.min(8, payload.length); at++) {
      payload[at] = "a./bc\0f.".charCodeAt(next() % 8);
    }
    const credential = { uid: next() % 2 * 1000, gid: 0, groups: [] };
    try {
      if (typeof run(() => first.call({ number, args, credential, payload })) === "number") {
        served++;
      }
    } catch (failure) {
      throw new Error(`seed ${seed}, attempt ${attempt}, call ${number} ${args}: ${failure}`);
    }
  }
  assert(served > 1000, `${served} served`);
  assert(root.descriptors.length === 0);
});
