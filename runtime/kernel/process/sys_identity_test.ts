import { assertEquals } from "@std/assert";
import { intsOf, smallKernel } from "../../../tests/fixtures/small_kernel.ts";
import type { Process } from "./process.ts";

const KEEP = 0xffff_ffff;
const users = ({ identity: { ruid, euid, suid } }: Process) => [ruid, euid, suid];

/** A process whose three user ids, and group ids, are these. */
function process(real: number, effective: number, saved: number) {
  const kernel = smallKernel();
  const made = kernel.start();
  made.setIdentity({
    ruid: real,
    euid: effective,
    suid: saved,
    rgid: real,
    egid: effective,
    sgid: saved,
  });
  return { made, call: (name: string, ...args: unknown[]) => kernel.call(made, name, ...args) };
}

/** [ids before, call, arguments, its answer, ids after]: of users and groups alike. */
const changes: [number[], string, number[], number | string, number[]][] = [
  [[1, 0, 2], "setuid", [5], 0, [5, 5, 5]],
  [[1, 2, 3], "setuid", [1], 0, [1, 1, 3]],
  [[1, 2, 3], "setuid", [3], 0, [1, 3, 3]],
  [[1, 2, 3], "setuid", [2], "EPERM", [1, 2, 3]],
  [[0, 0, 0], "setuid", [KEEP], "EINVAL", [0, 0, 0]],
  [[1, 2, 3], "setreuid", [2, 1], 0, [2, 1, 1]],
  [[1, 2, 3], "setreuid", [3, KEEP], "EPERM", [1, 2, 3]],
  [[1, 2, 3], "setreuid", [KEEP, 3], 0, [1, 3, 3]],
  [[1, 2, 3], "setreuid", [KEEP, 1], 0, [1, 1, 3]],
  [[1, 2, 3], "setreuid", [KEEP, 4], "EPERM", [1, 2, 3]],
  [[1, 0, 3], "setreuid", [7, 8], 0, [7, 8, 8]],
  [[1, 2, 3], "setresuid", [3, 1, 2], 0, [3, 1, 2]],
  [[1, 2, 3], "setresuid", [KEEP, 3, KEEP], 0, [1, 3, 3]],
  [[1, 2, 3], "setresuid", [1, 2, 4], "EPERM", [1, 2, 3]],
  [[1, 0, 3], "setresuid", [4, 5, 6], 0, [4, 5, 6]],
];

for (const [before, name, args, answer, after] of changes) {
  Deno.test(`${name}(${args}) of ${before} makes ${after}`, () => {
    const { made, call } = process(before[0], before[1], before[2]);
    assertEquals(call(name, ...args), answer);
    assertEquals(users(made), after);
    assertEquals(made.credential.uid, after[1], "servers see the effective id");
    const outs = [0, 1, 2].map(() => new Uint8Array(4));
    assertEquals(call("getresuid", ...outs), 0);
    assertEquals(outs.map((out) => intsOf(out)[0]), after);
    assertEquals([call("getuid"), call("geteuid")], [after[0], after[1]]);
  });
}

Deno.test("what may be done with groups hangs on the user", () => {
  const { made, call } = process(0, 0, 0);
  assertEquals(call("setresgid", 1, 2, 3), 0);
  assertEquals(call("setgid", 9), 0, "the user is root");
  assertEquals([call("getgid"), call("getegid")], [9, 9]);
  made.setIdentity({ euid: 5 });
  assertEquals(call("setgid", 0), "EPERM");
  assertEquals(call("setregid", KEEP, 9), 0);
});

Deno.test("file servers are told another user until an id changes", () => {
  const { made, call } = process(0, 0, 0);
  assertEquals(call("setfsuid", 7), 0);
  assertEquals([made.credential.uid, made.identity.euid], [7, 0]);
  assertEquals(call("setfsuid", KEEP), 7, "asks only");
  assertEquals(call("setfsgid", 8), 0);
  assertEquals(made.credential, { uid: 7, gid: 8, groups: [], pid: made.pid });
  call("setresuid", KEEP, 5, KEEP);
  assertEquals(made.credential.uid, 5);
  assertEquals(call("setfsuid", 6), 5);
  assertEquals(call("setfsuid", 0), 5, "6 was refused");
  assertEquals(made.credential.uid, 0, "the real one is allowed");
});

Deno.test("supplementary groups", () => {
  const { made, call } = process(0, 0, 0);
  const list = new Uint8Array(new Uint32Array([4, 5, 4_000_000_000]).buffer);
  assertEquals(call("setgroups", 3, list), 0);
  assertEquals(made.credential.groups, [4, 5, 4_000_000_000]);
  assertEquals(call("getgroups", 0, new Uint8Array(0)), 3);
  assertEquals(call("getgroups", 2, new Uint8Array(8)), "EINVAL");
  const out = new Uint8Array(20);
  assertEquals(call("getgroups", 5, out), 3);
  assertEquals(new Uint32Array(out.buffer), new Uint32Array([4, 5, 4_000_000_000, 0, 0]));
  assertEquals(call("setgroups", 65537, new Uint8Array(0)), "EINVAL");
  assertEquals(call("setgroups", 1, new Uint8Array(4).fill(255)), "EINVAL");
  made.setIdentity({ euid: 1 });
  assertEquals(call("setgroups", 0, new Uint8Array(0)), "EPERM");
});

/** Header and data of capget(2) and capset(2). */
const VERSION = 0x2008_0522;
const header = (version: number, pid = 0) => new Uint8Array(new Int32Array([version, pid]).buffer);

Deno.test("root has all capabilities, and others none", () => {
  const { made, call } = process(0, 0, 0);
  const data = new Uint8Array(24);
  assertEquals(call("capget", header(VERSION), data), 0);
  assertEquals(intsOf(data), [-1, -1, 0, 0x1ff, 0x1ff, 0]);
  assertEquals(call("capset", header(VERSION), data), 0);
  made.setIdentity({ euid: 5 });
  call("capget", header(VERSION), data);
  assertEquals(intsOf(data), [0, -1, 0, 0, 0x1ff, 0], "it may become root again");
  made.setIdentity({ ruid: 5, suid: 5 });
  call("capget", header(VERSION), data);
  assertEquals(intsOf(data), [0, 0, 0, 0, 0, 0]);
  const wanted = new Uint8Array(24);
  assertEquals(call("capset", header(VERSION), wanted), 0);
  wanted[4] = 1;
  assertEquals(call("capset", header(VERSION), wanted), "EPERM");
});

Deno.test("capabilities are given up, and kept by who asks for it before he is another user", () => {
  const { made, call } = process(0, 0, 0);
  const sets = (effective: number, permitted: number) =>
    new Uint8Array(new Int32Array([effective, permitted, 0, 0, 0, 0]).buffer);
  const told = () => {
    const data = new Uint8Array(24);
    call("capget", header(VERSION), data);
    return intsOf(data).slice(0, 2);
  };
  assertEquals(call("capset", header(VERSION), sets(4, 6)), 0);
  assertEquals(told(), [4, 6]);
  assertEquals(call("capset", header(VERSION), sets(4, 14)), "EPERM", "what is gone is gone");
  assertEquals(call("capset", header(VERSION), sets(6, 4)), "EPERM", "none that is not permitted");
  made.settings.keepCapabilities = true;
  made.setIdentity({ ruid: 5, euid: 5, suid: 5 });
  assertEquals(told(), [0, 6]);
  assertEquals(call("capset", header(VERSION), sets(2, 6)), 0);
  assertEquals(told(), [2, 6]);
});

Deno.test("capget tells its version, and about processes that there are", () => {
  const { call } = process(0, 0, 0);
  const old = header(1);
  assertEquals(call("capget", old, undefined), 0);
  assertEquals(intsOf(old)[0], VERSION);
  assertEquals(call("capget", header(1), new Uint8Array(24)), "EINVAL");
  assertEquals(call("capget", header(VERSION, 999), new Uint8Array(24)), "ESRCH");
  assertEquals(call("capget", header(VERSION, -1), new Uint8Array(24)), "EINVAL");
  assertEquals(call("capset", header(VERSION, 1), new Uint8Array(24)), "EPERM");
});
