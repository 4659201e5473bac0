// How much of a file handle a program says it has room for; what handles lead to is in tests/guest/calls/handles.c.
import { assertEquals, assertThrows } from "@std/assert";
import { smallKernel } from "../../../../tests/fixtures/small_kernel.ts";
import { AT } from "../../vfs/constants.ts";
import { E, Errno } from "../../errno.ts";
import { makePipe } from "../pipe/pipe.ts";
import { fileHandleBytes } from "./sys_handle.ts";

Deno.test("a handle has at most 128 bytes behind its header", () => {
  assertEquals([fileHandleBytes(0), fileHandleBytes(8), fileHandleBytes(128)], [8, 16, 136]);
  assertEquals(assertThrows(() => fileHandleBytes(129)), new Errno(E.EINVAL));
});

Deno.test("what is in no file system has no handle, and leads to none", () => {
  const { start, call } = smallKernel();
  const root = start(0), user = start(5);
  const [reads] = makePipe(0);
  const handle = new Uint8Array(16), mount = new Uint8Array(4);
  handle[0] = 8;
  for (const process of [root, user]) process.addDescription(reads, false);
  assertEquals(call(root, "name_to_handle_at", 0, "", handle, mount, AT.EMPTY_PATH), "EOPNOTSUPP");
  assertEquals(call(root, "name_to_handle_at", 0, "", handle, mount, 0), "ENOENT");
  assertEquals(call(root, "name_to_handle_at", 0, "", handle, mount, 0x8000), "EINVAL");
  assertEquals(call(root, "open_by_handle_at", 0, handle, 0), "ESTALE");
  assertEquals(call(root, "open_by_handle_at", 9, handle, 0), "EBADF");
  assertEquals(call(user, "open_by_handle_at", AT.FDCWD, handle, 0), "EPERM");
  assertEquals(call(user, "open_by_handle_at", AT.FDCWD, new Uint8Array(16), 0), "EINVAL");
});
