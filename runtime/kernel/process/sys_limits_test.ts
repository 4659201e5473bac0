import { assertEquals } from "@std/assert";
import { intsOf, longs, longsOf, smallKernel } from "../../../tests/fixtures/small_kernel.ts";
import { MOST_DESCRIPTORS } from "./file/descriptor_table.ts";
import { RLIMIT } from "./limits.ts";
import { SI, SIG } from "./signal/signal.ts";

/** Two 64-bit limits; -1 is infinity. */
const limit = longs;

Deno.test("limits are lowered by everybody and raised by root", () => {
  const { start, call } = smallKernel();
  const user = start(5), root = start(0);
  const out = new Uint8Array(16);
  assertEquals(call(user, "getrlimit", RLIMIT.CPU, out), 0);
  assertEquals(longsOf(out), [-1, -1]);
  assertEquals(call(user, "setrlimit", RLIMIT.NOFILE, limit(10, 20)), 0);
  assertEquals(call(user, "setrlimit", RLIMIT.NOFILE, limit(20, 20)), 0);
  assertEquals(call(user, "setrlimit", RLIMIT.NOFILE, limit(21, 20)), "EINVAL");
  assertEquals(call(user, "setrlimit", RLIMIT.NOFILE, limit(-1, 20)), "EINVAL");
  assertEquals(call(user, "setrlimit", RLIMIT.NOFILE, limit(10, 21)), "EPERM");
  assertEquals(call(root, "prlimit64", user.pid, RLIMIT.NOFILE, limit(50, 60), out), 0);
  assertEquals([longsOf(out), user.limits[RLIMIT.NOFILE].hard], [[20, 20], 60]);
  assertEquals(
    call(root, "setrlimit", RLIMIT.NOFILE, limit(1, MOST_DESCRIPTORS + 1)),
    "EPERM",
    "nr_open bounds root too",
  );
  assertEquals(call(user, "getrlimit", 16, out), "EINVAL");
  assertEquals(call(user, "getrlimit", 0xffff_ffff, out), "EINVAL");
});

Deno.test("prlimit answers what was there before it set anything", () => {
  const { start, call } = smallKernel();
  const user = start(5), same = start(5), other = start(6), out = new Uint8Array(16);
  call(user, "setrlimit", RLIMIT.NOFILE, limit(10, 20));
  assertEquals(call(user, "prlimit64", 0, RLIMIT.NOFILE, limit(11, 20), out), 0);
  assertEquals(longsOf(out), [10, 20]);
  assertEquals(user.limits[RLIMIT.NOFILE], { soft: 11, hard: 20 });
  assertEquals(call(same, "prlimit64", user.pid, RLIMIT.NOFILE, undefined, out), 0);
  assertEquals(call(other, "prlimit64", user.pid, RLIMIT.NOFILE, undefined, out), "EPERM");
  same.setIdentity({ egid: 77 });
  assertEquals(call(user, "prlimit64", same.pid, RLIMIT.NOFILE, undefined, out), "EPERM");
  assertEquals(call(other, "prlimit64", 9999, RLIMIT.NOFILE, undefined, out), "ESRCH");
});

Deno.test("times of threads, processes and children", () => {
  const { start, threadOf, processes, call, advance } = smallKernel();
  const process = start(), thread = threadOf(process), second = processes.startThread(process);
  advance(3.219e9);
  thread.userNs = 1.5e9;
  second.systemNs = 0.25e9;
  process.userNs = 1e9;
  process.childrenUserNs = 7e9;
  const usage = new Uint8Array(144);
  const firstTimes = (who: number) => {
    assertEquals(call(thread, "getrusage", who, usage), 0);
    return longsOf(usage).slice(0, 4);
  };
  assertEquals(firstTimes(0), [2, 500_000, 0, 250_000]);
  assertEquals(firstTimes(-1), [7, 0, 0, 0]);
  assertEquals(firstTimes(1), [1, 500_000, 0, 0]);
  assertEquals(call(process, "getrusage", 2, usage), "EINVAL");
  const tms = new Uint8Array(32);
  assertEquals(call(process, "times", tms), 321);
  assertEquals(longsOf(tms), [250, 25, 700, 0]);
  assertEquals(call(process, "times", undefined), 321);
});

Deno.test("nice values: who may set whose", () => {
  const { start, call } = smallKernel();
  const user = start(5), other = start(6), root = start(0);
  user.group = other.group = user.pid;
  assertEquals(call(user, "getpriority", 0, 0), 20);
  assertEquals(call(user, "setpriority", 0, 0, 7), 0);
  assertEquals(call(user, "getpriority", 0, 0), 13);
  assertEquals(call(user, "setpriority", 0, 0, 6), "EACCES", "back only for root");
  assertEquals(call(user, "setpriority", 0, other.pid, 9), "EPERM");
  assertEquals(call(root, "setpriority", 0, user.pid, -99), 0);
  assertEquals(call(user, "getpriority", 0, 0), 40);
  assertEquals(call(root, "setpriority", 1, user.pid, 3), 0);
  assertEquals([user.settings.nice, other.settings.nice], [3, 3]);
  call(root, "setpriority", 0, other.pid, -5);
  assertEquals(call(root, "getpriority", 1, user.pid), 25, "the most favoured of the group");
  assertEquals(call(user, "getpriority", 0, -1), "ESRCH", "no number of a process is negative");
  assertEquals(call(user, "sched_getaffinity", -1, 8, new Uint8Array(8)), "ESRCH");
  assertEquals(call(root, "getpriority", 2, 5), 17);
  assertEquals(call(root, "getpriority", 2, 12345), "ESRCH");
  assertEquals(call(root, "getpriority", 3, 0), "EINVAL");
  user.limits[RLIMIT.NICE] = { soft: 18, hard: 18 };
  assertEquals(call(user, "setpriority", 0, 0, 2), 0, "RLIMIT_NICE allows it");
  assertEquals(call(user, "setpriority", 0, 0, 1), "EACCES");
});

Deno.test("priorities of input and output are kept, real time for root alone", () => {
  const { start, call } = smallKernel();
  const user = start(5), root = start(0);
  const [REAL_TIME, BEST_EFFORT, IDLE] = [1 << 13, 2 << 13, 3 << 13];
  assertEquals(call(user, "ioprio_get", 1, 0), 0);
  assertEquals(call(user, "ioprio_set", 1, 0, IDLE), 0);
  assertEquals(call(user, "ioprio_get", 1, 0), IDLE);
  assertEquals(call(user, "ioprio_set", 1, 0, REAL_TIME), "EPERM");
  assertEquals(call(user, "ioprio_set", 1, 0, BEST_EFFORT | 8), "EINVAL");
  assertEquals(call(user, "ioprio_set", 1, 0, 4 << 13), "EINVAL");
  assertEquals(call(user, "ioprio_get", 0, 0), "EINVAL");
  assertEquals(call(root, "ioprio_set", 1, user.pid, REAL_TIME | 2), 0);
  assertEquals(call(root, "ioprio_get", 3, user.identity.ruid), REAL_TIME | 2);
});

Deno.test("scheduling classes are kept, and real-time ones need root", () => {
  const { start, call, processes } = smallKernel();
  const user = start(5), root = start(0);
  const priority = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
  assertEquals(call(user, "sched_setscheduler", 0, 1, priority(5)), "EPERM");
  assertEquals(call(root, "sched_setscheduler", user.pid, 2 | 0x4000_0000, priority(5)), 0);
  assertEquals(call(user, "sched_getscheduler", 0), 2 | 0x4000_0000);
  const out = new Uint8Array(4);
  assertEquals(call(user, "sched_getparam", 0, out), 0);
  assertEquals(intsOf(out), [5]);
  const child = processes.fork(user, user.files, user.directories, false);
  assertEquals([child.settings.policy, child.settings.priority], [0, 0], "reset on fork");
  assertEquals(call(root, "sched_setscheduler", 0, 1, priority(100)), "EINVAL");
  assertEquals(call(root, "sched_setscheduler", 0, 0, priority(1)), "EINVAL");
  assertEquals(call(root, "sched_setscheduler", 0, 4, priority(0)), "EINVAL");
  assertEquals(call(root, "sched_setscheduler", 0, 3, priority(0)), 0);
  assertEquals(call(root, "sched_setparam", 0, priority(1)), "EINVAL");
  assertEquals(call(root, "sched_setparam", 0, undefined), "EINVAL");
  assertEquals(call(user, "sched_getscheduler", 9999), "ESRCH");
  assertEquals([0, 1, 2, 3, 5].map((each) => call(user, "sched_get_priority_max", each)), [
    0,
    99,
    99,
    0,
    0,
  ]);
  assertEquals([1, 0, 4].map((each) => call(user, "sched_get_priority_min", each)), [
    1,
    0,
    "EINVAL",
  ]);
});

Deno.test("one hart: affinity, getcpu, membarrier", () => {
  const { start, call } = smallKernel();
  const process = start(), mask = new Uint8Array(128).fill(9);
  assertEquals(call(process, "sched_getaffinity", 0, 128, mask), 8);
  assertEquals(mask.subarray(0, 8), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  assertEquals(call(process, "sched_getaffinity", 0, 4, mask), "EINVAL");
  assertEquals(call(process, "sched_getaffinity", 9999, 8, mask), "ESRCH");
  assertEquals(call(process, "sched_setaffinity", 0, 1, Uint8Array.of(3)), 0);
  assertEquals(call(process, "sched_setaffinity", 0, 1, Uint8Array.of(2)), "EINVAL");
  const cpu = new Uint8Array(4).fill(1);
  assertEquals(call(process, "getcpu", cpu, undefined, 0), 0);
  assertEquals(intsOf(cpu), [0]);
  assertEquals([0, 1].map((command) => call(process, "membarrier", command, 0, 0)), [0, "EINVAL"]);
});

Deno.test("prctl: names, switches, and what is not there", () => {
  const { start, threadOf, processes, call } = smallKernel();
  const process = start(5), second = processes.startThread(process);
  const name = new Uint8Array(16);
  assertEquals(call(second, "prctl", 15, "worker"), 0);
  assertEquals(call(second, "prctl", 16, name), 0);
  assertEquals(new TextDecoder().decode(name).replace(/\0+$/, ""), "worker");
  assertEquals(process.name, "init", "the process is called as its first thread");
  call(threadOf(process), "prctl", 15, "sixteen letters!");
  assertEquals(process.name, "sixteen letters");
  const get = (option: number, ...rest: number[]) => call(process, "prctl", option, 0, ...rest);
  const set = (option: number, value: number) => call(process, "prctl", option, value);
  assertEquals([get(3), set(4, 0), get(3), set(4, 2)], [1, 0, 0, "EINVAL"]);
  assertEquals([get(7), set(8, 1), get(7), set(8, 2)], [0, 0, 1, "EINVAL"]);
  assertEquals([get(39), set(38, 0), set(38, 1), get(39)], [0, "EINVAL", 0, 1]);
  assertEquals([get(30), set(29, 9), get(30), set(29, 0), get(30)], [50_000, 0, 9, 0, 50_000]);
  assertEquals([set(23, 40), set(23, 41), set(24, 5)], [1, "EINVAL", "EPERM"]);
  assertEquals([set(1, 65), set(22, 1), set(9999, 0)], ["EINVAL", "EINVAL", "EINVAL"]);
  assertEquals(call(process, "prctl", 47, 2, 5), "EPERM");
  assertEquals([call(process, "prctl", 47, 4, 0), call(process, "prctl", 47, 1, 5)], [0, 0]);
});

Deno.test("orphans go to the nearest who asked for them, and are told if they asked", () => {
  const { start, threadOf, processes, call, advance } = smallKernel();
  const keeper = start(), middle = start(0, keeper), child = start(0, middle);
  call(keeper, "prctl", 36, 1);
  call(child, "prctl", 1, SIG.USR1);
  threadOf(child).mask = ~0n;
  const out = new Uint8Array(4);
  call(keeper, "prctl", 37, out);
  assertEquals(intsOf(out), [1]);
  call(child, "prctl", 2, out);
  assertEquals(intsOf(out), [SIG.USR1]);
  processes.endThread(threadOf(middle), 0);
  advance(0);
  assertEquals(child.parent, keeper);
  assertEquals(child.pending.take(~0n), {
    signal: SIG.USR1,
    code: SI.USER,
    pid: middle.pid,
    uid: 0,
  });
  const grandchild = start(0, child);
  assertEquals(grandchild.settings.parentDeathSignal, 0, "not inherited");
});

Deno.test("the machine: names, memory, what its hart can do", () => {
  const { start, call, advance } = smallKernel();
  const root = start(0), user = start(5);
  const bytes = (text: string) => new TextEncoder().encode(text);
  assertEquals(call(root, "sethostname", bytes("tower"), 5), 0);
  assertEquals(call(root, "setdomainname", bytes("home"), 4), 0);
  assertEquals(call(user, "sethostname", bytes("mine"), 4), "EPERM");
  assertEquals(call(root, "sethostname", new Uint8Array(65), 65), "EINVAL");
  const names = new Uint8Array(390);
  call(user, "uname", names);
  const fields = [0, 1, 2, 3, 4, 5].map((index) =>
    new TextDecoder().decode(names.subarray(index * 65, index * 65 + 65)).replace(/\0+$/, "")
  );
  assertEquals(fields, ["Linux", "tower", "6.12.0", "#1 VirtuOS", "riscv64", "home"]);
  advance(5.5e9);
  const info = new Uint8Array(112);
  assertEquals(call(user, "sysinfo", info), 0);
  const view = new DataView(info.buffer);
  assertEquals([longsOf(info)[0], view.getUint16(80, true), view.getUint32(104, true)], [5, 2, 1]);
  const pairs = longs(3, 0, 4, 0, 99, 7, 8, 0);
  assertEquals(call(user, "riscv_hwprobe", pairs, 4, 0, new Uint8Array(0), 0), 0);
  assertEquals(longsOf(pairs), [3, 1, 4, 0b111011, -1, 0, 8, 1e9]);
  assertEquals(call(user, "riscv_hwprobe", pairs, 4, 1, Uint8Array.of(2), 0), "EINVAL");
  assertEquals(call(user, "riscv_hwprobe", pairs, 4, 0, new Uint8Array(0), 1), "EINVAL");
  const query = 0xffff_ffff;
  assertEquals(
    [query, 0x4_0000, query, 8].map((each) => call(user, "personality", each)),
    [0, 0, 0x4_0000, "EINVAL"],
  );
  assertEquals([call(root, "syslog", 3), call(user, "syslog", 3), call(root, "syslog", 11)], [
    0,
    "EPERM",
    "EINVAL",
  ]);
  assertEquals(call(user, "seccomp", 1, 0, 0), "EINVAL");
});
