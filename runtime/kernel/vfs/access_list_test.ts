// Access control lists: their form, what they allow, and what they become.
import { assertEquals, assertThrows } from "@std/assert";
import { E, Errno } from "../errno.ts";
import {
  type AccessList,
  bequeathed,
  decodeAccessList,
  encodeAccessList,
  grants,
  isAccessList,
  listsAfterChmod,
  modeWith,
  NO_ID,
  NO_LISTS,
  saysMore,
} from "./access_list.ts";
import { S } from "./filesystem.ts";

/** A list as setfacl(1) says it: `u::rwx,u:5:r-x,g::r--,m::rwx,o::---`. */
function list(text: string): AccessList {
  return text.split(",").map((entry) => {
    const [who, id, bits] = entry.split(":");
    const named = id !== "";
    const tag = { u: named ? 2 : 1, g: named ? 8 : 4, m: 16, o: 32 }[who]!;
    const permissions = [..."rwx"].reduce(
      (sum, bit, at) => bits[at] === bit ? sum | 4 >> at : sum,
      0,
    );
    return { tag, permissions, id: named ? Number(id) : NO_ID };
  });
}

const full = list("u::rwx,u:5:rwx,u:6:r--,g::r-x,g:7:-wx,g:8:r--,m::rw-,o::--x");

Deno.test("a list goes out and in again; what is none is refused", () => {
  assertEquals(decodeAccessList(encodeAccessList(full)), full);
  assertEquals(encodeAccessList(list("u::r--,g::---,o::--x")).length, 4 + 3 * 8);
  assertEquals([decodeAccessList(new Uint8Array(0)), decodeAccessList(Uint8Array.of(2, 0, 0, 0))], [
    undefined,
    undefined,
  ]);
  const fails = (errno: number, bytes: Uint8Array) =>
    assertEquals(assertThrows(() => decodeAccessList(bytes)), new Errno(errno));
  fails(E.EOPNOTSUPP, Uint8Array.of(1, 0, 0, 0));
  fails(E.EINVAL, Uint8Array.of(2, 0, 0));
  fails(E.EINVAL, encodeAccessList(full).subarray(0, 20 + 3));
  fails(E.EINVAL, encodeAccessList(full).subarray(0, 20));
});

Deno.test("entries are in order, each of its kind once, with a mask where somebody is named", () => {
  const valid = (text: string) => isAccessList(list(text));
  assertEquals([valid("u::rwx,g::r--,o::---"), valid("u::rwx,g::r--,m::r--,o::---")], [true, true]);
  assertEquals(valid("u::rwx,u:1:r--,u:1:r--,g::r--,m::r--,o::---"), true);
  for (
    const text of [
      "g::r--,u::rwx,o::---",
      "u::rwx,u::rwx,g::r--,o::---",
      "u::rwx,g::r--",
      "u::rwx,u:1:r--,g::r--,o::---",
      "u::rwx,g:1:r--,g::r--,m::rwx,o::---",
    ]
  ) assertEquals(valid(text), false, text);
  assertEquals(isAccessList([{ tag: 1, permissions: 8, id: NO_ID }, ...full.slice(1)]), false);
  assertEquals(isAccessList([{ tag: 3, permissions: 7, id: NO_ID }]), false);
});

Deno.test("who may: a named user, then groups of which one is enough, then others, under the mask", () => {
  const may = (uid: number, gid: number, groups: number[], mask: number) =>
    grants(full, { gid: 100 }, { uid, gid, groups }, mask);
  assertEquals([may(5, 9, [], 6), may(5, 9, [], 1)], [true, false], "the mask has no x");
  assertEquals([may(6, 7, [], 4), may(6, 7, [], 2)], [true, false], "a user's groups do not help");
  assertEquals([may(1, 100, [], 4), may(1, 100, [], 1)], [true, false], "the owning group");
  assertEquals([may(1, 9, [7], 2), may(1, 9, [7], 4), may(1, 9, [7, 8], 4)], [true, false, true]);
  assertEquals(may(1, 9, [7, 8], 6), false, "no single entry has both");
  assertEquals(
    [may(1, 9, [], 1), may(1, 9, [], 4)],
    [true, false],
    "others, whom no mask concerns",
  );
});

Deno.test("the mode follows the list, and the list the mode", () => {
  assertEquals(modeWith(full, S.IFREG | 0o4777), S.IFREG | 0o4761);
  assertEquals(modeWith(list("u::r--,g::rw-,o::---"), 0), 0o460);
  const changed = listsAfterChmod({ access: full }, S.IFREG | 0o640).access!;
  assertEquals(changed, list("u::rw-,u:5:rwx,u:6:r--,g::r-x,g:7:-wx,g:8:r--,m::r--,o::---"));
  assertEquals(listsAfterChmod(NO_LISTS, 0o777), NO_LISTS);
  assertEquals([saysMore(full), saysMore(list("u::rwx,g::r--,o::---"))], [true, false]);
});

Deno.test("new files get what their directory hands on, as far as they are asked for", () => {
  assertEquals(bequeathed(undefined, S.IFREG | 0o666, 0o022), {
    mode: S.IFREG | 0o644,
    lists: NO_LISTS,
  });
  const inherited = list("u::rwx,u:5:rwx,g::r-x,m::rwx,o::r-x");
  const file = bequeathed({ inherited }, S.IFREG | 0o640, 0o077);
  assertEquals(file.mode, S.IFREG | 0o640, "the umask does not count");
  assertEquals(file.lists, { access: list("u::rw-,u:5:rwx,g::r-x,m::r--,o::---") });
  const directory = bequeathed({ inherited }, S.IFDIR | 0o777, 0o077);
  assertEquals(directory, {
    mode: S.IFDIR | 0o775,
    lists: { access: inherited, inherited },
  });
  // A list that names nobody is no more than a mode.
  const plain = bequeathed({ inherited: list("u::rw-,g::r--,o::---") }, S.IFREG | 0o777, 0o022);
  assertEquals(plain, { mode: S.IFREG | 0o640, lists: {} });
});
