import { assertEquals } from "@std/assert";
import { smallKernel } from "../../../tests/fixtures/small_kernel.ts";

const KCMP = { FILE: 0, VM: 1, FILES: 2, FS: 3, SIGHAND: 4, IO: 5, EPOLL_TFD: 7 };

Deno.test("kcmp tells what two processes share, in an order that stays", () => {
  const { start, call } = smallKernel();
  const parent = start(), child = start(0, parent);
  const compare = (type: number, first = 0, second = 0) =>
    call(parent, "kcmp", parent.pid, child.pid, type, first, second);
  const order = compare(KCMP.FILES);
  assertEquals(order, compare(KCMP.FILES));
  assertEquals(call(parent, "kcmp", child.pid, parent.pid, KCMP.FILES, 0, 0), 3 - Number(order));
  child.files = parent.files;
  child.directories = parent.directories;
  assertEquals([KCMP.FILES, KCMP.FS, KCMP.IO].map((type) => compare(type)), [0, 0, 0]);
  const own = Number(call(parent, "eventfd2", 0, 0));
  const other = Number(call(parent, "eventfd2", 0, 0));
  const copy = Number(call(parent, "dup", own));
  assertEquals(compare(KCMP.FILE, own, copy), 0);
  assertEquals(compare(KCMP.FILE, own, other) !== 0, true);
  assertEquals(compare(KCMP.FILE, own, 99), "EBADF");
  assertEquals(compare(KCMP.EPOLL_TFD), "EINVAL");
  assertEquals(call(parent, "kcmp", parent.pid, 9999, KCMP.VM, 0, 0), "ESRCH");
});

Deno.test("kcmp and process_vm_readv are for those who may look into both", () => {
  const { start, call } = smallKernel();
  const user = start(1000), same = start(1000), other = start(1001);
  const may = (pid: number) => call(user, "kcmp", user.pid, pid, KCMP.IO, 0, 0);
  assertEquals([may(same.pid), may(other.pid)], [0, "EPERM"]);
  same.settings.dumpable = 0;
  assertEquals(may(same.pid), "EPERM");
  const read = (pid: number, flags = 0) =>
    call(user, "process_vm_readv", pid, new Uint8Array(16), 1, new Uint8Array(16), 1, flags);
  assertEquals([read(same.pid), read(other.pid), read(9999)], ["EPERM", "EPERM", "ESRCH"]);
  assertEquals(read(user.pid, 1), "EINVAL");
});
