// The access control lists of an inode: read with it, since permissions are looked at without waiting, and written
// together with the mode that goes with them.
import type { Coroutine } from "../../coroutine.ts";
import { type AccessList, type AccessLists, listNames, NO_LISTS } from "../../vfs/access_list.ts";
import { readAccessList, writeAccessList } from "./access_list_format.ts";
import { isListName } from "./attribute_format.ts";
import type { Ext4Inode } from "./inode.ts";

/** Reads the lists that an inode has on the disk. @throws Errno EUCLEAN, EIO */
export function* readLists({ extended }: Ext4Inode): Coroutine<AccessLists> {
  const found = yield* extended.all(isListName);
  if (found.length === 0) return NO_LISTS;
  const lists: { -readonly [Which in keyof AccessLists]: AccessList } = {};
  for (const { name, value } of found) {
    const list = readAccessList(value);
    if (list !== undefined) lists[listNames[name]] = list;
  }
  return lists;
}

/** Gives an inode lists, and the mode that goes with them. Part of an operation. @throws Errno ENOSPC */
export function* writeLists(inode: Ext4Inode, lists: AccessLists, mode: number): Coroutine<void> {
  for (const [name, which] of Object.entries(listNames)) {
    const list = lists[which];
    if (list !== inode.accessLists[which]) {
      yield* inode.extended.set(name, list && writeAccessList(list));
    }
  }
  inode.accessLists = lists;
  inode.attributes.mode = mode;
  inode.touch(false);
}

/** Changes the lists and the mode of an inode that is in use. @throws Errno ENOSPC, EROFS */
export function* setLists(inode: Ext4Inode, lists: AccessLists, mode: number): Coroutine<void> {
  yield* inode.lock.acquire();
  try {
    yield* inode.map();
    yield* inode.filesystem.operation(() => writeLists(inode, lists, mode));
  } finally {
    inode.lock.release();
  }
}
