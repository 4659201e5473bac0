// Access control lists on images: debugfs reads what we wrote, we read what debugfs wrote, e2fsck finds everything
// clean, in inodes and in blocks beside them.
import { assertEquals, assertThrows } from "@std/assert";
import { hostCommand, makeFile, withImage } from "../../../../tests/storage/small_ext4.ts";
import { finish } from "../../coroutine.ts";
import { E, Errno } from "../../errno.ts";
import {
  type AccessList,
  decodeAccessList,
  encodeAccessList,
  NO_ID,
  NO_LISTS,
} from "../../vfs/access_list.ts";
import { type Inode, S } from "../../vfs/filesystem.ts";
import { readAccessList, writeAccessList } from "./access_list_format.ts";

/** Owner rwx, users 5 and on, owning group, group 7, mask, others. */
function listOf(users: number): AccessList {
  const none = (tag: number, permissions: number) => ({ tag, permissions, id: NO_ID });
  const named = Array.from(
    { length: users },
    (_, each) => ({ tag: 2, permissions: 6, id: 5 + each }),
  );
  return [
    none(1, 7),
    ...named,
    none(4, 5),
    { tag: 8, permissions: 3, id: 7 },
    none(16, 7),
    none(32, 1),
  ];
}

Deno.test("entries that name nobody are short; what is no list is damage", () => {
  const list = listOf(2), bytes = writeAccessList(list);
  assertEquals([bytes.length, readAccessList(bytes)], [4 + 4 * 4 + 3 * 8, list]);
  assertEquals(readAccessList(bytes.subarray(0, 4)), undefined);
  for (const length of [3, 6, 12, bytes.length - 4]) {
    assertEquals(
      assertThrows(() => readAccessList(bytes.subarray(0, length))),
      new Errno(E.EUCLEAN),
    );
  }
  assertThrows(() => readAccessList(encodeAccessList(list)));
});

for (
  const [title, options] of [
    ["as mke2fs makes them", []],
    ["of inodes without room", ["-I", "128"]],
    ["without checksums", ["-O", "^metadata_csum"]],
  ] as [string, string[]][]
) {
  Deno.test(`access control lists on images ${title}`, () => {
    const path = Deno.makeTempFileSync(), value = Deno.makeTempFileSync();
    /** The list of a file as debugfs tells it. */
    const theirs = (name: string, attribute: string) => {
      hostCommand("debugfs", "-R", `ea_get -f ${value} ${name} system.${attribute}`, path);
      return decodeAccessList(Deno.readFileSync(value));
    };
    try {
      const { code } = hostCommand("mke2fs", "-q", "-F", "-t", "ext4", ...options, path, "16M");
      assertEquals(code, 0);
      const inherited = listOf(3), large = listOf(40);
      withImage(path, function* ({ root }) {
        const lists = { access: listOf(1), inherited };
        const made: Inode[] = [
          yield* finish(root.create("folder", { mode: S.IFDIR | 0o771, uid: 1, gid: 1, lists })),
          yield* makeFile(root, "file", new Uint8Array(0)),
          yield* finish(root.create("plain", { mode: S.IFREG | 0o644, uid: 1, gid: 1 })),
        ];
        yield* finish(made[1].setAttribute!("user.beside", new Uint8Array(60)));
        yield* finish(made[1].setAccessLists!({ access: large }, S.IFREG | 0o771));
        const unnamed = yield* finish(
          root.createUnnamed!({ mode: S.IFREG | 0o640, uid: 1, gid: 1, lists: { access: large } }),
        );
        for (const each of [...made, unnamed]) yield* finish(each.release());
      });
      assertEquals(theirs("folder", "posix_acl_access"), listOf(1));
      assertEquals(theirs("folder", "posix_acl_default"), inherited);
      assertEquals(theirs("file", "posix_acl_access"), large);
      Deno.writeFileSync(value, encodeAccessList(listOf(4)));
      hostCommand("debugfs", "-w", "-R", `ea_set -f ${value} plain system.posix_acl_access`, path);
      withImage(path, function* ({ root }) {
        const read = function* (name: string) {
          const inode = (yield* finish(root.lookup(name)))!;
          const { accessLists, attributes: { mode } } = inode;
          return { inode, accessLists, mode };
        };
        const folder = yield* read("folder"),
          file = yield* read("file"),
          plain = yield* read("plain");
        assertEquals(folder.accessLists, { access: listOf(1), inherited });
        assertEquals([file.accessLists, file.mode], [{ access: large }, S.IFREG | 0o771]);
        assertEquals(plain.accessLists, { access: listOf(4) });
        yield* finish(file.inode.setAccessLists!(NO_LISTS, S.IFREG | 0o600));
        assertEquals(yield* finish(file.inode.listAttributes!()), ["user.beside"]);
        for (const { inode } of [folder, file, plain]) yield* finish(inode.release());
      });
      withImage(path, function* ({ root }) {
        const file = (yield* finish(root.lookup("file")))!;
        assertEquals([file.accessLists, file.attributes.mode], [{}, S.IFREG | 0o600]);
        yield* finish(file.release());
      });
    } finally {
      Deno.removeSync(path);
      Deno.removeSync(value);
    }
  });
}
