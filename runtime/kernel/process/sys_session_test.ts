import { assertEquals } from "@std/assert";
import { smallKernel } from "../../../tests/fixtures/small_kernel.ts";

/** A session leader with two children, one of which has children of its own, and a stranger. */
function family() {
  const kernel = smallKernel();
  const leader = kernel.start(), stranger = kernel.start();
  for (const each of [leader, stranger]) {
    kernel.call(each, "setpgid", 0, 0);
    kernel.call(each, "setsid");
    each.group = each.session = each.pid;
  }
  const child = kernel.start(0, leader), second = kernel.start(0, leader);
  const grandchild = kernel.start(0, child);
  return { ...kernel, leader, stranger, child, second, grandchild };
}

Deno.test("children begin in the group and session of their parent", () => {
  const { leader, grandchild, call } = family();
  assertEquals(call(grandchild, "getpgid", 0), leader.pid);
  assertEquals(call(leader, "getsid", grandchild.pid), leader.pid);
  assertEquals(call(leader, "getpgid", 9999), "ESRCH");
  assertEquals(call(leader, "getsid", 9999), "ESRCH");
});

Deno.test("setpgid moves oneself and children, into groups of the session", () => {
  const { leader, child, second, grandchild, stranger, call } = family();
  assertEquals(call(leader, "setpgid", child.pid, 0), 0);
  assertEquals(child.group, child.pid);
  assertEquals(call(second, "setpgid", 0, child.pid), 0);
  assertEquals(second.group, child.pid);
  assertEquals(call(leader, "setpgid", 0, 0), "EPERM", "it leads a session");
  assertEquals(call(leader, "setpgid", grandchild.pid, 0), "ESRCH", "not its child");
  assertEquals(call(second, "setpgid", 0, stranger.pid), "EPERM", "a group of another session");
  assertEquals(call(second, "setpgid", 0, 9999), "EPERM", "no group");
  assertEquals(call(second, "setpgid", 0, -1), "EINVAL");
  second.executed = true;
  assertEquals(call(leader, "setpgid", second.pid, 0), "EACCES");
  assertEquals(call(second, "setpgid", 0, 0), 0, "itself it may");
  call(grandchild, "setsid");
  assertEquals(call(child, "setpgid", grandchild.pid, 0), "EPERM", "in a session of its own");
});

Deno.test("setsid is for those who lead no group", () => {
  const { leader, child, second, call } = family();
  assertEquals(call(leader, "setsid"), "EPERM");
  call(leader, "setpgid", child.pid, 0);
  assertEquals(call(child, "setsid"), "EPERM");
  assertEquals(call(second, "setsid"), second.pid);
  assertEquals([second.session, second.group], [second.pid, second.pid]);
  call(child, "setpgid", 0, leader.pid);
  assertEquals(call(child, "setsid"), child.pid);
});

Deno.test("somebody in the group of a process keeps it from leading a session", () => {
  const { leader, child, second, call } = family();
  call(leader, "setpgid", child.pid, 0);
  call(second, "setpgid", 0, child.pid);
  call(child, "setpgid", 0, leader.pid);
  assertEquals(call(child, "setsid"), "EPERM");
});
