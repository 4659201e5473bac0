// Operations on names: lookup, creation, links, removal, renaming. One lock orders all changes of the
// tree; each change is one transaction.
import { type Blocking, type Coroutine, Mutex } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { type NewInode, S } from "../../vfs/filesystem.ts";
import { NO_LISTS } from "../../vfs/access_list.ts";
import { writeLists } from "./access_lists.ts";
import { Directory } from "./directory.ts";
import type { Ext4 } from "./ext4.ts";
import type { Ext4Inode } from "./inode.ts";
import { inheritedFlags } from "./file_flags.ts";
import { BLOCK_AREA_BYTES, InodeFlag } from "./inode_format.ts";

const MAX_LINKS = 65000;

/** `file_type` of a directory entry. */
function entryType(mode: number): number {
  switch (mode & S.IFMT) {
    case S.IFREG:
      return 1;
    case S.IFDIR:
      return 2;
    case S.IFCHR:
      return 3;
    case S.IFBLK:
      return 4;
    case S.IFIFO:
      return 5;
    case S.IFSOCK:
      return 6;
    case S.IFLNK:
      return 7;
    default:
      return 0;
  }
}

export class Names {
  readonly #tree = new Mutex();

  constructor(private readonly filesystem: Ext4) {}

  *#open(directory: Ext4Inode): Coroutine<void> {
    yield* directory.map();
    yield* directory.directory.load();
  }

  *lookup(parent: Ext4Inode, name: string): Coroutine<Ext4Inode | undefined> {
    yield* this.#open(parent);
    const place = parent.directory.find(name);
    return place === undefined ? undefined : yield* this.filesystem.inodes.hold(place.ino);
  }

  *parent(inode: Ext4Inode): Coroutine<Ext4Inode> {
    yield* this.#open(inode);
    return yield* this.filesystem.inodes.hold(inode.directory.parentIno);
  }

  /** Runs a change of the tree: alone, and as one transaction. */
  *#change<T>(directories: Ext4Inode[], work: () => Blocking<T>): Coroutine<T> {
    if (this.filesystem.readOnly) fail(E.EROFS);
    yield* this.#tree.acquire();
    try {
      for (const directory of directories) {
        yield* this.#open(directory);
        if (directory.attributes.links === 0) fail(E.ENOENT);
      }
      return yield* this.filesystem.operation(work);
    } finally {
      this.#tree.release();
    }
  }

  create(
    parent: Ext4Inode,
    name: string,
    { mode, uid, gid, rdev = 0, target = "", lists = NO_LISTS }: NewInode,
  ): Coroutine<Ext4Inode> {
    const { filesystem } = this;
    return this.#change([parent], function* (): Coroutine<Ext4Inode> {
      if (parent.directory.find(name) !== undefined) fail(E.EEXIST);
      const directory = (mode & S.IFMT) === S.IFDIR;
      if (directory && parent.attributes.links >= MAX_LINKS) fail(E.EMLINK);
      const inode = yield* filesystem.inodes.create(parent.ino, mode, uid, gid);
      inode.flags |= inheritedFlags(parent.flags, mode);
      inode.hold();
      try {
        if (directory) yield* initializeDirectory(filesystem, inode, parent.ino);
        else if (target !== "") yield* initializeSymlink(inode, target);
        else if (rdev !== 0) initializeDevice(inode, rdev);
        if (lists !== NO_LISTS) yield* writeLists(inode, lists, mode);
        yield* parent.directory.add(name, inode.ino, entryType(mode));
      } catch (failure) {
        inode.attributes.links = 0;
        inode.uses = 0;
        yield* filesystem.inodes.erase(inode);
        throw failure;
      }
      if (directory) parent.attributes.links++;
      parent.touch(true);
      return inode;
    });
  }

  /** Makes a file that nothing leads to: an orphan until it gets a name. */
  createUnnamed(
    parent: Ext4Inode,
    { mode, uid, gid, lists = NO_LISTS }: NewInode,
  ): Coroutine<Ext4Inode> {
    const { filesystem } = this;
    return this.#change([parent], function* (): Coroutine<Ext4Inode> {
      const inode = yield* filesystem.inodes.create(parent.ino, mode, uid, gid);
      inode.flags |= inheritedFlags(parent.flags, mode);
      inode.attributes.links = 0;
      inode.hold();
      filesystem.orphans.add(inode);
      if (lists !== NO_LISTS) yield* writeLists(inode, lists, mode);
      return inode;
    });
  }

  link(parent: Ext4Inode, name: string, inode: Ext4Inode): Coroutine<void> {
    const { filesystem } = this;
    return this.#change([parent], function* (): Coroutine<void> {
      if (parent.directory.find(name) !== undefined) fail(E.EEXIST);
      if (inode.attributes.links >= MAX_LINKS) fail(E.EMLINK);
      if (inode.attributes.links === 0 && !inode.unnamed) fail(E.ENOENT);
      yield* parent.directory.add(name, inode.ino, entryType(inode.attributes.mode));
      if (inode.attributes.links === 0) filesystem.orphans.remove(inode);
      inode.unnamed = false;
      inode.attributes.links++;
      inode.touch(false);
      parent.touch(true);
    });
  }

  *remove(parent: Ext4Inode, name: string, directory: boolean): Coroutine<void> {
    const victim = (yield* this.lookup(parent, name)) ?? fail(E.ENOENT);
    try {
      const drop = this.#drop.bind(this);
      yield* this.#change(directory ? [parent, victim] : [parent], function* (): Coroutine<void> {
        if (parent.directory.find(name)?.ino !== victim.ino) fail(E.ENOENT);
        if (directory && victim.directory.size > 0) fail(E.ENOTEMPTY);
        yield* parent.directory.remove(name);
        drop(parent, victim);
        parent.touch(true);
      });
    } finally {
      const released = victim.release();
      if (released !== undefined) yield* released as Coroutine<void>;
    }
  }

  /** One name less for an inode whose entry is gone; without any it is an orphan until nobody uses it. */
  #drop(parent: Ext4Inode, victim: Ext4Inode): void {
    if (victim.isDirectory) {
      parent.attributes.links--;
      victim.attributes.links = 0;
    } else victim.attributes.links--;
    victim.touch(false);
    if (victim.attributes.links === 0) this.filesystem.orphans.add(victim);
  }

  *rename(
    from: Ext4Inode,
    name: string,
    to: Ext4Inode,
    newName: string,
    exchange: boolean,
  ): Coroutine<void> {
    const moved = (yield* this.lookup(from, name)) ?? fail(E.ENOENT);
    let replaced: Ext4Inode | undefined;
    try {
      replaced = yield* this.lookup(to, newName);
      const victim = replaced;
      if (victim === moved) return;
      if (exchange && victim === undefined) fail(E.ENOENT);
      const drop = this.#drop.bind(this);
      const directories = [
        from,
        to,
        ...[moved, victim].filter((inode) => inode?.isDirectory) as Ext4Inode[],
      ];
      yield* this.#change(directories, function* (): Coroutine<void> {
        if (
          from.directory.find(name)?.ino !== moved.ino ||
          to.directory.find(newName)?.ino !== victim?.ino
        ) fail(E.ENOENT);
        if (victim?.isDirectory && !exchange && victim.directory.size > 0) fail(E.ENOTEMPTY);
        if (
          moved.isDirectory && from !== to && victim === undefined &&
          to.attributes.links >= MAX_LINKS
        ) fail(E.EMLINK);
        const type = entryType(moved.attributes.mode);
        if (victim === undefined) yield* to.directory.add(newName, moved.ino, type);
        else yield* to.directory.replace(newName, moved.ino, type);
        if (exchange) {
          yield* from.directory.replace(name, victim!.ino, entryType(victim!.attributes.mode));
        } else {
          yield* from.directory.remove(name);
          if (victim !== undefined) drop(to, victim);
        }
        if (from !== to) {
          if (moved.isDirectory) yield* reparent(moved, from, to);
          if (exchange && victim!.isDirectory) yield* reparent(victim!, to, from);
        }
        moved.touch(false);
        from.touch(true);
        to.touch(true);
      });
    } finally {
      for (const inode of [moved, replaced]) {
        const released = inode?.release();
        if (released !== undefined) yield* released as Coroutine<void>;
      }
    }
  }
}

/** A directory moves: its ".." and the links of its parents follow. */
function* reparent(directory: Ext4Inode, from: Ext4Inode, to: Ext4Inode): Coroutine<void> {
  yield* directory.directory.replace("..", to.ino, 2);
  from.attributes.links--;
  to.attributes.links++;
  directory.join();
}

function* initializeDirectory(filesystem: Ext4, inode: Ext4Inode, parent: number): Coroutine<void> {
  const { block } = yield* filesystem.groups.allocate(filesystem.goalOf(inode.ino), 1);
  inode.extents.insert({ logical: 0, count: 1, physical: block, unwritten: false });
  const buffer = filesystem.cache.fresh(block);
  Directory.initialize(buffer, inode.ino, parent, inode.seed !== undefined);
  filesystem.changedDirectoryBlock(buffer, inode.seed);
  inode.attributes.sizeBytes = filesystem.superblock.blockBytes;
  inode.attributes.links = 2;
  yield* inode.storeExtents();
}

function* initializeSymlink(inode: Ext4Inode, target: string): Coroutine<void> {
  const bytes = Uint8Array.from(target, (character) => character.charCodeAt(0));
  if (bytes.length < BLOCK_AREA_BYTES) {
    inode.flags &= ~InodeFlag.EXTENTS;
    inode.area.fill(0);
    inode.area.set(bytes);
    inode.attributes.sizeBytes = bytes.length;
    return inode.join();
  }
  if (bytes.length > inode.filesystem.superblock.blockBytes) fail(E.ENAMETOOLONG);
  const { block } = yield* inode.filesystem.groups.allocate(inode.filesystem.goalOf(inode.ino), 1);
  inode.extents.insert({ logical: 0, count: 1, physical: block, unwritten: false });
  const page = yield* inode.data.pin(0, "zeros");
  page.frame.bytes.set(bytes);
  page.ready = true;
  inode.filesystem.files.pageCache.markDirty(page);
  inode.data.unpin(page);
  inode.attributes.sizeBytes = bytes.length;
  yield* inode.storeExtents();
}

/** Device numbers: small ones in the first word in the old form, others in the second. */
function initializeDevice(inode: Ext4Inode, rdev: number): void {
  inode.flags &= ~InodeFlag.EXTENTS;
  inode.area.fill(0);
  inode.attributes.rdev = rdev;
  const view = new DataView(inode.area.buffer, inode.area.byteOffset);
  view.setUint32(rdev < 65536 ? 0 : 4, rdev, true);
  inode.join();
}
