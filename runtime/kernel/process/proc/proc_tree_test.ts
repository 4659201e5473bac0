import { assert, assertEquals, assertMatch } from "@std/assert";
import { smallKernel } from "../../../../tests/fixtures/small_kernel.ts";
import type { Coroutine } from "../../coroutine.ts";
import { createTmpfs } from "../../storage/tmpfs/tmpfs.ts";
import { AT, O } from "../../vfs/constants.ts";
import type { FileSystem } from "../../vfs/filesystem.ts";
import { createProcfs, type ProcessView } from "../../vfs/procfs.ts";
import { WalkFlag } from "../../vfs/protocol.ts";
import { FileServer } from "../../vfs/vfs.ts";
import { SIG } from "../signal/signal.ts";
import type { Process } from "../process.ts";
import { resolve } from "../path/resolve.ts";

const here = AT.FDCWD;

/** A machine with tmpfs as root and procfs on /proc; a process of root, and one of user 1000. */
function world() {
  const kernel = smallKernel();
  const { processes, environment, call, threadOf } = kernel;
  const run = <T>(work: Coroutine<T>): T => {
    let outcome: { value: T | undefined; failure: unknown } | undefined;
    environment.tasks.spawn(work, (value, failure) => outcome = { value, failure });
    for (let turn = 0; turn < 100 && outcome === undefined; turn++) environment.tasks.run();
    if (outcome?.failure !== undefined) throw outcome.failure;
    return outcome!.value as T;
  };
  const proc = createProcfs(environment).provides;
  const files = createTmpfs(environment, {}, {}).provides.filesystem as FileSystem;
  // One server has both, as in a machine whose primary serves them.
  const server = new FileServer([files, proc.filesystem as FileSystem], environment);
  run(processes.mounts.mount(server, 0, "tmpfs", "/", undefined));
  const start = (name: string, uid: number): Process => {
    const process = run(processes.start(name, [name, "-x"], uid, uid));
    processes.startThread(process);
    return process;
  };
  const root = start("root", 0);
  call(root, "mkdirat", here, "/proc", 0o755);
  run(function* (): Coroutine<void> {
    const covers = yield* resolve(root, root.root, "/proc", WalkFlag.FOLLOW);
    yield* processes.mounts.mount(server, 1, "proc", "/proc", covers);
  }());
  (proc.processView as (view: ProcessView) => void)(
    processes.processView({
      disks: [{ sizeBytes: 1 << 20, readOnly: false, serial: "" }],
      network: false,
    }),
  );
  const open = (process: Process, path: string, flags: number = O.RDONLY) =>
    call(process, "openat", here, path, flags, 0o644);
  const read = (process: Process, path: string) => {
    const fd = open(process, path);
    if (typeof fd !== "number") return String(fd);
    const bytes = new Uint8Array(8192);
    let text = "";
    for (;;) {
      const count = call(process, "read", fd, bytes) as number;
      if (typeof count !== "number") return String(count);
      if (count === 0) break;
      text += new TextDecoder().decode(bytes.subarray(0, count));
    }
    call(process, "close", fd);
    return text;
  };
  const readlink = (process: Process, path: string) => {
    const bytes = new Uint8Array(4096);
    const length = call(process, "readlinkat", here, path, bytes);
    if (typeof length !== "number") return String(length);
    return new TextDecoder().decode(bytes.subarray(0, length));
  };
  const write = (process: Process, path: string, text: string) => {
    const fd = open(process, path, O.WRONLY | O.TRUNC);
    if (typeof fd !== "number") return fd;
    const status = call(process, "write", fd, new TextEncoder().encode(text));
    call(process, "close", fd);
    return status;
  };
  const list = (process: Process, path: string) => {
    const fd = open(process, path, O.DIRECTORY);
    if (typeof fd !== "number") return [String(fd)];
    const bytes = new Uint8Array(256), view = new DataView(bytes.buffer), names: string[] = [];
    for (;;) {
      const filled = call(process, "getdents64", fd, bytes) as number;
      if (filled === 0) break;
      for (let at = 0; at < filled; at += view.getUint16(at + 16, true)) {
        const end = bytes.indexOf(0, at + 19);
        names.push(new TextDecoder().decode(bytes.subarray(at + 19, end)));
      }
    }
    call(process, "close", fd);
    return names.filter((name) => name !== "." && name !== "..");
  };
  const user = start("user", 1000);
  return { ...kernel, threadOf, start, root, user, open, read, readlink, write, list };
}

Deno.test("everybody finds themselves under /proc/self", () => {
  const { root, user, read, readlink } = world();
  for (const process of [root, user]) {
    assertEquals(readlink(process, "/proc/self"), String(process.pid));
    assertEquals(readlink(process, "/proc/thread-self"), `${process.pid}/task/${process.pid}`);
    assertEquals(read(process, "/proc/self/comm"), `${process.name}\n`);
    assertEquals(read(process, "/proc/thread-self/comm"), `${process.name}\n`);
    assertEquals(read(process, "/proc/mounts"), "tmpfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
  }
  assertEquals(read(user, `/proc/${root.pid}/cmdline`), "root\0-x\0");
});

Deno.test("directories come and go with processes and threads", () => {
  const { processes, root, start, list, read, open, call, threadOf, advance } = world();
  const other = start("other", 5), second = processes.startThread(other);
  const pids = list(root, "/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  assertEquals(pids, [...processes.all].map(({ pid }) => pid));
  assertEquals(list(root, `/proc/${other.pid}/task`), [String(other.pid), String(second.tid)]);
  assertEquals(read(root, `/proc/${second.tid}/comm`), "ENOENT", "a thread is no process");
  const fd = open(root, `/proc/${other.pid}/stat`) as number;
  other.end(0);
  processes.endThread(second, 0);
  processes.endThread(threadOf(other), 0);
  advance(0);
  assertEquals(open(root, `/proc/${other.pid}/stat`), "ENOENT");
  assertEquals(call(root, "read", fd, new Uint8Array(9)), "ESRCH");
});

Deno.test("stat and status say what a process is and does", () => {
  const { root, user, threadOf, read, call } = world();
  const thread = threadOf(user);
  thread.userNs = 2.5e9;
  thread.mask = 1n << BigInt(SIG.USR1 - 1);
  user.settings.nice = 5;
  user.setIdentity({ groups: [7, 8] });
  call(user, "prctl", 15, "a longer name than fits");
  const fields = read(root, `/proc/${user.pid}/stat`).trimEnd();
  const [before, after] = fields.split(") ");
  assertEquals(before, `${user.pid} (a longer name t`);
  const rest = after.split(" ");
  assertEquals(rest.length, 50);
  assertEquals(rest.slice(0, 4), ["R", String(user.ppid), String(user.pid), String(user.pid)]);
  assertEquals([rest[11], rest[15], rest[16], rest[17]], ["250", "25", "5", "1"]);
  const status = Object.fromEntries(
    read(root, `/proc/${user.pid}/status`).trimEnd().split("\n").map((line) => line.split(":\t")),
  );
  assertEquals(status.Uid, "1000\t1000\t1000\t1000");
  assertEquals(status.Groups, "7 8 ");
  assertEquals(status.SigBlk, "0000000000000200");
  assertEquals([status.CapEff, status.Threads], ["0000000000000000", "1"]);
  user.stopped = true;
  assertMatch(read(root, `/proc/${user.pid}/stat`), /\) T /);
});

Deno.test("links of descriptors lead to what is open, whatever became of its name", () => {
  const { root, user, open, read, readlink, list, call } = world();
  call(root, "mkdirat", here, "/work", 0o777);
  call(root, "fchmodat", here, "/work", 0o777);
  const fd = open(user, "/work/file", O.CREAT | O.RDWR) as number;
  call(user, "write", fd, new TextEncoder().encode("content"));
  assertEquals(readlink(user, `/proc/self/fd/${fd}`), "/work/file");
  call(user, "unlinkat", here, "/work/file", 0);
  assertEquals(read(user, `/proc/self/fd/${fd}`), "content");
  assertEquals(read(root, `/proc/${user.pid}/fd/${fd}`), "content", "root looks everywhere");
  const again = open(user, `/proc/self/fd/${fd}`, O.CREAT | O.TRUNC | O.WRONLY) as number;
  call(user, "write", again, new TextEncoder().encode("new"));
  assertEquals(read(user, `/proc/self/fd/${fd}`), "new", "with O_CREAT and O_TRUNC as well");
  assertEquals(
    list(user, "/proc/self/fd"),
    [...user.descriptors, user.descriptors.length].map(String),
  );
  assertMatch(
    read(user, `/proc/self/fdinfo/${fd}`),
    /^pos:\t7\nflags:\t02\nmnt_id:\t1\nino:\t\d+\n$/,
  );
  assertEquals(readlink(user, "/proc/self/fd/77"), "ENOENT");
  assertEquals(readlink(user, "/proc/self/fd/00"), "ENOENT");
  const ends = new Uint8Array(8);
  call(user, "pipe2", ends, 0);
  assertMatch(readlink(user, `/proc/self/fd/${ends[0]}`), /^pipe:\[\d+\]$/);
});

Deno.test("cwd and root are links to directories", () => {
  const { root, user, read, readlink, call } = world();
  call(root, "mkdirat", here, "/work", 0o777);
  call(root, "mkdirat", here, "/work/deep", 0o777);
  call(user, "chdir", "/work/deep");
  assertEquals(readlink(user, "/proc/self/cwd"), "/work/deep");
  assertEquals(readlink(user, "/proc/self/root"), "/");
  assertEquals(read(user, "/proc/self/cwd/../../proc/self/comm"), "user\n");
  assertEquals(call(root, "chdir", "/proc/self/fdinfo"), 0);
  assertEquals(readlink(root, "/proc/self/cwd"), `/proc/${root.pid}/fdinfo`);
});

Deno.test("what is private stays so", () => {
  const { root, user, start, open, readlink, list, write } = world();
  const other = start("other", 2000);
  for (const target of [root, user]) {
    const at = `/proc/${target.pid}`;
    assertEquals(open(other, `${at}/environ`), "EACCES");
    assertEquals(list(other, `${at}/fd`), ["EACCES"]);
    for (const link of ["cwd", "root", "exe"]) {
      assertEquals(readlink(other, `${at}/${link}`), "EACCES");
      assertEquals(open(other, `${at}/${link}`), "EACCES");
    }
    assertEquals(write(other, `${at}/comm`, "mine"), "EACCES");
  }
  assertEquals(write(user, "/proc/self/comm", "mine\n"), 5);
  assertEquals(user.name, "mine");
  user.settings.dumpable = 0;
  assertEquals(readlink(user, "/proc/self/cwd"), "EACCES", "not even to itself");
  assertEquals(readlink(root, `/proc/${user.pid}/cwd`), "/");
});

Deno.test("the machine's files say what it is", () => {
  const { root, user, read, write, advance, threadOf, environment } = world();
  advance(10e9);
  threadOf(user).userNs = 4e9;
  assertEquals(read(user, "/proc/uptime"), "10.00 6.00\n");
  assertMatch(read(user, "/proc/stat"), /^cpu {2}400 0 0 600 0 0 0 0 0 0\n.*btime 1700000000\n/s);
  assertMatch(read(user, "/proc/loadavg"), /^0\.06 0\.01 0\.00 2\/2 \d+\n$/);
  const kib = String(environment.memory.bytes.length / 1024);
  assertMatch(read(user, "/proc/meminfo"), new RegExp(`^MemTotal: +${kib} kB\nMemFree: `));
  assertMatch(read(user, "/proc/cpuinfo"), /isa\t\t: rv64imafdc/);
  assertMatch(read(user, "/proc/filesystems"), /^nodev\tproc$/m);
  assertEquals(read(user, "/proc/sys/kernel/pid_max"), "4194304\n");
  assertEquals(read(user, "/proc/sys/net/core/somaxconn"), "4096\n");
  assertEquals(read(user, "/proc/sys/net/ipv4/ip_local_port_range"), "32768\t60999\n");
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n$/;
  assertMatch(read(user, "/proc/sys/kernel/random/uuid"), uuid);
  const ids = [0, 1].map(() => read(user, "/proc/sys/kernel/random/boot_id"));
  assert(ids[0] === ids[1] && uuid.test(ids[0]));
  assertEquals(write(user, "/proc/sys/kernel/hostname", "x"), "EACCES");
  assertEquals(write(root, "/proc/sys/kernel/hostname", "tower\n"), 6);
  assertEquals(read(user, "/proc/sys/kernel/hostname"), "tower\n");
  assertEquals(write(root, "/proc/sys/kernel/pid_max", "5"), "EACCES");
});

Deno.test("nothing is made, removed or moved there", () => {
  const { root, call, open } = world();
  assertEquals(open(root, "/proc/new", O.CREAT | O.RDWR), "EACCES");
  assertEquals(call(root, "mkdirat", here, "/proc/new", 0o755), "EACCES");
  assertEquals(call(root, "unlinkat", here, "/proc/stat", 0), "EPERM");
  assertEquals(call(root, "renameat2", here, "/proc/stat", here, "/proc/new", 0), "EPERM");
  assertEquals(call(root, "fchmodat", here, "/proc/stat", 0o777), "EPERM");
});

Deno.test("limits, mountinfo and oom_score_adj", () => {
  const { user, read, write } = world();
  user.limits[7] = { soft: 10, hard: 20 };
  assertMatch(read(user, "/proc/self/limits"), /^Max open files {12}10 {19}20 {19}files {5}$/m);
  assertMatch(read(user, "/proc/self/limits"), /^Max cpu time {14}unlimited {12}unlimited /m);
  assertEquals(
    read(user, "/proc/self/mountinfo"),
    "1 0 0:1 / / rw - tmpfs tmpfs rw\n2 1 0:2 / /proc rw - proc proc rw\n",
  );
  assertEquals(write(user, "/proc/self/oom_score_adj", "-7\n"), 3);
  assertEquals(read(user, "/proc/self/oom_score_adj"), "-7\n");
  assertEquals(write(user, "/proc/self/oom_score_adj", "1001"), "EINVAL");
});
