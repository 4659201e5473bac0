// The inodes of a mounted ext4 that are in memory: read when they are asked for, made, and freed with all they have.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { S } from "../../vfs/filesystem.ts";
import { readLists } from "./access_lists.ts";
import type { Ext4 } from "./ext4.ts";
import { Ext4Inode } from "./inode.ts";
import { initializeInode, inodeChecksumIsRight, InodeFlag } from "./inode_format.ts";

/** Inodes that nobody uses and that stay in memory. */
const IDLE_INODES = 4096;
/** The inode of the root directory: the only one of the reserved numbers that files are. */
export const ROOT_INO = 2;
const BITS_32 = 2 ** 32;

export class Inodes {
  readonly #all = new Map<number, Ext4Inode>();

  constructor(private readonly filesystem: Ext4) {}

  /** The inode of a number, held for the caller. @throws Errno EUCLEAN, EIO */
  *hold(ino: number): Coroutine<Ext4Inode> {
    const inode = this.#all.get(ino) ?? (yield* this.load(ino));
    inode.hold();
    return inode;
  }

  /** The same, held by nobody. */
  *load(ino: number): Coroutine<Ext4Inode> {
    const { filesystem } = this;
    const { block, offset } = filesystem.groups.inodePlace(ino);
    const buffer = yield* filesystem.cache.read(block);
    const found = this.#all.get(ino);
    if (found !== undefined) return found;
    const bytes = buffer.bytes.subarray(offset, offset + filesystem.superblock.inodeBytes);
    if (!inodeChecksumIsRight(filesystem.superblock, bytes, ino)) fail(E.EUCLEAN);
    const inode = new Ext4Inode(filesystem, ino, buffer, offset);
    if (inode.attributes.mode === 0) fail(E.EUCLEAN);
    try {
      inode.accessLists = yield* readLists(inode);
    } catch (failure) {
      buffer.pins--;
      throw failure;
    }
    const meanwhile = this.#all.get(ino);
    if (meanwhile !== undefined) {
      buffer.pins--;
      return meanwhile;
    }
    this.#all.set(ino, inode);
    return inode;
  }

  /** A new inode without a name. Part of an operation. */
  *create(parent: number, mode: number, uid: number, gid: number): Coroutine<Ext4Inode> {
    const { filesystem } = this;
    const directory = (mode & S.IFMT) === S.IFDIR;
    const ino = yield* filesystem.groups.allocateInode(parent, directory);
    const { block, offset } = filesystem.groups.inodePlace(ino);
    const buffer = yield* filesystem.cache.read(block);
    const view = new DataView(
      buffer.bytes.buffer,
      buffer.bytes.byteOffset + offset,
      filesystem.superblock.inodeBytes,
    );
    const random = new Uint8Array(4);
    filesystem.environment.random(random);
    initializeInode(view, new DataView(random.buffer).getUint32(0));
    const inode = new Ext4Inode(filesystem, ino, buffer, offset);
    this.#all.set(ino, inode);
    const now = filesystem.environment.realtimeNs();
    Object.assign(inode.attributes, {
      mode,
      uid,
      gid,
      links: 1,
      atimeNs: now,
      mtimeNs: now,
      ctimeNs: now,
      btimeNs: now,
    });
    inode.flags = InodeFlag.EXTENTS;
    // Its list of blocks is empty, and needs not be read.
    inode.mapped = true;
    yield* inode.storeExtents();
    return inode;
  }

  /** The last use of an inode without a name is over. */
  *delete(inode: Ext4Inode): Coroutine<void> {
    const { filesystem } = this;
    if (filesystem.readOnly || filesystem.transactions.failure !== undefined) return;
    yield* inode.lock.acquire();
    try {
      if (inode.uses > 0) return;
      yield* filesystem.operation(() => this.erase(inode));
    } finally {
      inode.lock.release();
    }
  }

  /** Frees an inode and all it has. Part of an operation. */
  *erase(inode: Ext4Inode): Coroutine<void> {
    const { filesystem } = this, { isDirectory } = inode;
    yield* inode.clear();
    filesystem.orphans.remove(inode);
    inode.nextOrphan = filesystem.seconds % BITS_32;
    inode.attributes.links = 0;
    inode.attributes.mode = 0;
    inode.join();
    yield* filesystem.groups.freeInode(inode.ino, isDirectory);
    this.#forget(inode);
  }

  #forget(inode: Ext4Inode): void {
    this.#all.delete(inode.ino);
    inode.data.dropFrom(0);
    inode.buffer.pins--;
  }

  /** Lets go of inodes that nobody has used for long. */
  trim(): void {
    if (this.#all.size <= IDLE_INODES) return;
    for (const inode of this.#all.values()) {
      if (this.#all.size <= IDLE_INODES / 2) return;
      const busy = [...inode.data.pages.values()].some((page) => page.dirty || page.busy > 0);
      if (
        inode.uses === 0 && inode.joined <= this.filesystem.transactions.durable &&
        !inode.lock.held && !busy
      ) this.#forget(inode);
    }
  }

  /** One that somebody had a handle of. @throws Errno ESTALE, EUCLEAN, EIO */
  *reopen(ino: number, generation: number): Coroutine<Ext4Inode> {
    const { filesystem } = this;
    const { firstInode, inodes } = filesystem.superblock;
    if (
      !(ino === ROOT_INO || ino >= firstInode && ino <= inodes) ||
      !(yield* filesystem.groups.inodeInUse(ino))
    ) {
      fail(E.ESTALE);
    }
    const inode = yield* this.hold(ino);
    if (inode.generation === generation) return inode;
    yield* finish(inode.release());
    return fail(E.ESTALE);
  }

  /** Forgets what was read while there were no transactions. */
  clear(): void {
    this.#all.clear();
  }
}
