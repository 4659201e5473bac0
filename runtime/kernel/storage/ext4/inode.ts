// An inode of ext4 in memory: what is known of it, and the operations of the `Inode` interface. Those on names are in
// names.ts, those that change the contents of a file in file_write.ts and file_space.ts.
import { type Blocking, type Coroutine, Mutex } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { FL } from "../../vfs/constants.ts";
import type { Attributes, DirectoryEntry, Inode, NewInode } from "../../vfs/filesystem.ts";
import { S } from "../../vfs/filesystem.ts";
import { type AccessLists, NO_LISTS } from "../../vfs/access_list.ts";
import { PAGE_BYTES } from "../page_cache/page_cache.ts";
import { setLists } from "./access_lists.ts";
import type { Buffer } from "./buffer_cache.ts";

import { Directory } from "./directory.ts";
import { DirectoryBlocks } from "./directory_blocks.ts";
import type { Ext4 } from "./ext4.ts";
import { ExtendedAttributes } from "./extended_attributes.ts";
import { ExtentList } from "./extents.ts";
import { FileData } from "./file_data.ts";
import { settableFlags } from "./file_flags.ts";
import { allocate, seek, truncate } from "./file_space.ts";
import { writeFile } from "./file_write.ts";
import {
  BLOCK_AREA_BYTES,
  BLOCK_OFFSET,
  InodeFlag,
  inodeSeed,
  readAttributes,
  sealInode,
  writeAttributes,
} from "./inode_format.ts";
import type { JoinedInode } from "./transactions.ts";

export class Ext4Inode implements Inode, JoinedInode {
  readonly attributes: Attributes;
  readonly generation: number;
  readonly lock = new Mutex();
  readonly data: FileData;
  readonly directory: Directory;
  readonly extents: ExtentList;
  readonly extended: ExtendedAttributes;
  flags: number;
  unnamed = false;
  accessLists: AccessLists = NO_LISTS;
  /** transaction that it joined last */
  joined = 0;
  uses = 0;
  /** its list of blocks has been read */
  mapped = false;
  /** the 60 bytes of `i_block`, for short symbolic links and device numbers */
  readonly area: Uint8Array;
  /** of its checksums; undefined without checksums */
  readonly seed: number | undefined;
  #mapping = new Mutex();

  /** @param buffer of the inode table, which is pinned for as long as this lives */
  constructor(
    readonly filesystem: Ext4,
    readonly ino: number,
    readonly buffer: Buffer,
    readonly offset: number,
  ) {
    const view = this.#view;
    this.attributes = readAttributes(view, filesystem.superblock);
    this.generation = view.getUint32(0x64, true);
    this.flags = view.getUint32(0x20, true);
    this.area = buffer.bytes.slice(
      offset + BLOCK_OFFSET,
      offset + BLOCK_OFFSET + BLOCK_AREA_BYTES,
    );
    this.seed = filesystem.superblock.checksums
      ? inodeSeed(filesystem.superblock, ino, this.generation)
      : undefined;
    this.extents = new ExtentList({
      cache: filesystem.cache,
      groups: filesystem.groups,
      transactions: filesystem.transactions,
      blocks: filesystem.superblock.blocks,
      seed: this.seed,
    });
    this.data = new FileData(filesystem.files, () => this.extents, () => this.attributes.sizeBytes);
    this.extended = new ExtendedAttributes(this, view);
    this.directory = new Directory(new DirectoryBlocks(this));
    buffer.pins++;
  }

  get #view(): DataView {
    const { bytes } = this.buffer;
    return new DataView(
      bytes.buffer,
      bytes.byteOffset + this.offset,
      this.filesystem.superblock.inodeBytes,
    );
  }

  get type(): number {
    return this.attributes.mode & S.IFMT;
  }

  get isDirectory(): boolean {
    return this.type === S.IFDIR;
  }

  /** Files with block maps cannot grow, others have flags that say no or wait for the disk; a file system that is read only opens none for writing. */
  get takesWrites(): boolean {
    return (this.flags & (InodeFlag.EXTENTS | FL.IMMUTABLE | FL.SYNC)) === InodeFlag.EXTENTS;
  }

  get #isFastSymlink(): boolean {
    return this.type === S.IFLNK && this.attributes.sizeBytes < BLOCK_AREA_BYTES &&
      (this.flags & InodeFlag.EXTENTS) === 0;
  }

  /** next orphan, kept where a deleted inode has its time of deletion */
  get nextOrphan(): number {
    return this.#view.getUint32(0x14, true);
  }

  set nextOrphan(ino: number) {
    this.#view.setUint32(0x14, ino, true);
  }

  get #now(): bigint {
    return this.filesystem.environment.realtimeNs();
  }

  /** Reads the list of blocks, once. @throws Errno EUCLEAN, EIO */
  *map(): Coroutine<void> {
    if (this.mapped) return;
    yield* this.#mapping.acquire();
    try {
      if (this.mapped) return;
      const view = new DataView(this.area.buffer, this.area.byteOffset, BLOCK_AREA_BYTES);
      const hasBlocks = this.type === S.IFREG || this.type === S.IFDIR ||
        this.type === S.IFLNK && !this.#isFastSymlink;
      if ((this.flags & InodeFlag.EXTENTS) !== 0) yield* this.extents.load(view);
      else if (hasBlocks) {
        yield* this.extents.loadBlockMap(
          view,
          Math.ceil(this.attributes.sizeBytes / this.blockBytes),
        );
      }
      this.mapped = true;
    } finally {
      this.#mapping.release();
    }
  }

  get blockBytes(): number {
    return this.filesystem.superblock.blockBytes;
  }

  /** Says that this inode is changed by the present operation. */
  join(): void {
    const { transactions } = this.filesystem;
    this.joined = transactions.number;
    transactions.join(this);
    transactions.dirty(this.buffer);
  }

  touch(modified: boolean): void {
    const now = this.#now;
    if (modified) this.attributes.mtimeNs = now;
    this.attributes.ctimeNs = now;
    this.join();
  }

  store(): void {
    const view = this.#view;
    writeAttributes(view, this.attributes, this.flags);
    this.buffer.bytes.set(this.area, this.offset + BLOCK_OFFSET);
    sealInode(
      this.filesystem.superblock,
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
      this.ino,
    );
  }

  writeData(): Coroutine<void> {
    return this.data.writeData();
  }

  /** Writes the list of blocks back, and counts them. Part of an operation. */
  *storeExtents(): Coroutine<void> {
    if ((this.flags & InodeFlag.EXTENTS) === 0) fail(E.EOPNOTSUPP);
    yield* this.extents.store(this.area);
    const blocks = this.extents.extents.reduce((sum, extent) => sum + extent.count, 0) +
      this.extents.treeBlocks +
      (this.extended.block !== 0 ? 1 : 0);
    this.attributes.blocks = blocks * this.blockBytes / 512;
    this.join();
  }

  hold(): void {
    this.uses++;
  }

  release(): Blocking<void> {
    if (--this.uses > 0) return;
    return this.attributes.links === 0
      ? this.filesystem.inodes.delete(this)
      : this.filesystem.inodes.trim();
  }

  *setAttributes(
    change: Partial<Pick<Attributes, "mode" | "uid" | "gid" | "atimeNs" | "mtimeNs">>,
  ): Coroutine<void> {
    yield* this.filesystem.operation(() => {
      Object.assign(this.attributes, change);
      this.touch(false);
    });
  }

  *setFlags(flags: number): Coroutine<void> {
    const change = flags ^ this.flags;
    if ((change & ~settableFlags(this.attributes.mode)) !== 0) fail(E.EOPNOTSUPP);
    yield* this.filesystem.operation(() => {
      this.flags ^= change;
      this.touch(false);
    });
  }

  lookup(name: string): Blocking<Inode | undefined> {
    return this.filesystem.names.lookup(this, name);
  }
  parent(): Blocking<Inode> {
    return this.filesystem.names.parent(this);
  }
  create(name: string, made: NewInode): Blocking<Inode> {
    return this.filesystem.names.create(this, name, made);
  }
  createUnnamed(made: NewInode): Blocking<Inode> {
    return this.filesystem.names.createUnnamed(this, made);
  }
  link(name: string, inode: Inode): Blocking<void> {
    return this.filesystem.names.link(this, name, inode as Ext4Inode);
  }
  unlink(name: string): Blocking<void> {
    return this.filesystem.names.remove(this, name, false);
  }
  rmdir(name: string): Blocking<void> {
    return this.filesystem.names.remove(this, name, true);
  }
  rename(name: string, newParent: Inode, newName: string, exchange: boolean): Blocking<void> {
    return this.filesystem.names.rename(this, name, newParent as Ext4Inode, newName, exchange);
  }

  *list(from: number, emit: (entry: DirectoryEntry) => boolean): Coroutine<void> {
    yield* this.map();
    yield* this.directory.list(from, emit);
  }

  *readlink(): Coroutine<string> {
    const { sizeBytes } = this.attributes;
    if (this.#isFastSymlink) return String.fromCharCode(...this.area.subarray(0, sizeBytes));
    if (sizeBytes > PAGE_BYTES) fail(E.EUCLEAN);
    yield* this.map();
    const bytes = new Uint8Array(sizeBytes);
    yield* this.data.read(0, bytes, sizeBytes);
    return String.fromCharCode(...bytes);
  }

  read(offset: number, into: Uint8Array): Blocking<number> {
    const length = Math.min(into.length, this.attributes.sizeBytes - offset);
    if (length <= 0) return 0;
    return this.data.copyOut(offset, into, length)
      ? length
      : this.#readSlowly(offset, into, length);
  }

  *#readSlowly(offset: number, into: Uint8Array, length: number): Coroutine<number> {
    yield* this.map();
    return yield* this.data.read(offset, into, length);
  }

  *readAhead(offset: number, bytes: number): Coroutine<void> {
    yield* this.map();
    const first = Math.floor(offset / PAGE_BYTES);
    this.data.advise(first, Math.ceil((offset + bytes) / PAGE_BYTES) - first);
  }

  write(position: number, from: Uint8Array): Blocking<number> {
    return writeFile(this, position, from);
  }
  truncate(sizeBytes: number): Coroutine<void> {
    return truncate(this, sizeBytes);
  }
  allocate(
    mode: "allocate" | "punch-hole" | "zero-range",
    offset: number,
    length: number,
    keepSize: boolean,
  ): Coroutine<void> {
    return allocate(this, mode, offset, length, keepSize);
  }
  seek(offset: number, what: "data" | "hole"): Coroutine<number> {
    return seek(this, offset, what);
  }

  *getAttribute(name: string): Coroutine<Uint8Array | undefined> {
    return (yield* this.extended.all()).find((each) => each.name === name)?.value;
  }

  *setAttribute(name: string, value: Uint8Array | undefined): Coroutine<void> {
    yield* this.lock.acquire();
    try {
      yield* this.map();
      yield* this.filesystem.operation(() => this.extended.set(name, value));
    } finally {
      this.lock.release();
    }
  }

  setAccessLists(lists: AccessLists, mode: number): Coroutine<void> {
    return setLists(this, lists, mode);
  }

  *listAttributes(): Coroutine<string[]> {
    return (yield* this.extended.all()).map((each) => each.name);
  }

  /** Makes durable what was changed, by writes that were begun before, too. @throws Errno EIO */
  *sync(): Coroutine<void> {
    const { transactions } = this.filesystem;
    if (!this.lock.idle) {
      yield* this.lock.acquire();
      this.lock.release();
    }
    if (this.joined > transactions.durable) yield* transactions.commit(this.joined);
  }

  /** Frees everything that the inode has. Part of an operation; nobody uses it any more. */
  *clear(): Coroutine<void> {
    yield* this.map();
    this.data.dropFrom(0);
    for (const { physical, count } of this.extents.remove(0, Infinity)) {
      if (this.isDirectory) {
        for (let block = physical; block < physical + count; block++) {
          this.filesystem.transactions.revoke(block);
        }
      }
      yield* this.filesystem.groups.free(physical, count);
    }
    yield* this.extended.free();
    if ((this.flags & InodeFlag.EXTENTS) !== 0) yield* this.storeExtents();
    this.attributes.sizeBytes = 0;
  }
}
