// An inode of ext4 in memory: the operations of the `Inode` interface that work on one inode.
import { type Blocking, type Coroutine, Mutex } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Attributes, DirectoryEntry, Inode } from "../../vfs/filesystem.ts";
import { APPEND, S } from "../../vfs/filesystem.ts";
import { type Page, PAGE_BYTES } from "../page_cache/page_cache.ts";
import type { Buffer } from "./buffer_cache.ts";
import { Directory } from "./directory.ts";
import type { Ext4 } from "./ext4.ts";
import { ExtendedAttributes } from "./extended_attributes.ts";
import { ExtentList } from "./extents.ts";
import { FileData } from "./file_data.ts";
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

/** Blocks of one write that are allocated together. */
const WRITE_PAGES = 64;
/** Logical blocks are 32-bit numbers. */
const MAX_BLOCKS = 2 ** 32 - 1;

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
  /** transaction that it joined last */
  joined = 0;
  uses = 0;
  readonly #area: Uint8Array;
  readonly #seed: number | undefined;
  #mapped = false;
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
    this.#area = buffer.bytes.slice(
      offset + BLOCK_OFFSET,
      offset + BLOCK_OFFSET + BLOCK_AREA_BYTES,
    );
    this.#seed = filesystem.superblock.checksums
      ? inodeSeed(filesystem.superblock, ino, this.generation)
      : undefined;
    this.extents = new ExtentList({
      cache: filesystem.cache,
      groups: filesystem.groups,
      transactions: filesystem.transactions,
      blocks: filesystem.superblock.blocks,
      seed: this.#seed,
    });
    this.data = new FileData(filesystem.files, () => this.extents, () => this.attributes.sizeBytes);
    this.extended = new ExtendedAttributes(this, view);
    this.directory = new Directory(this.#directoryHost());
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

  /** Files with block maps cannot grow; a file system that is read only opens none for writing. */
  get takesWrites(): boolean {
    return (this.flags & InodeFlag.EXTENTS) !== 0;
  }

  get #isFastSymlink(): boolean {
    return this.type === S.IFLNK && this.attributes.sizeBytes < BLOCK_AREA_BYTES &&
      (this.flags & InodeFlag.EXTENTS) === 0;
  }

  /** the 60 bytes of `i_block`, for short symbolic links and device numbers */
  get area(): Uint8Array {
    return this.#area;
  }

  get seed(): number | undefined {
    return this.#seed;
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
    if (this.#mapped) return;
    yield* this.#mapping.acquire();
    try {
      if (this.#mapped) return;
      const view = new DataView(this.#area.buffer, this.#area.byteOffset, BLOCK_AREA_BYTES);
      const hasBlocks = this.type === S.IFREG || this.type === S.IFDIR ||
        this.type === S.IFLNK && !this.#isFastSymlink;
      if ((this.flags & InodeFlag.EXTENTS) !== 0) yield* this.extents.load(view);
      else if (hasBlocks) {
        yield* this.extents.loadBlockMap(
          view,
          Math.ceil(this.attributes.sizeBytes / this.#blockBytes),
        );
      }
      this.#mapped = true;
    } finally {
      this.#mapping.release();
    }
  }

  get #blockBytes(): number {
    return this.filesystem.superblock.blockBytes;
  }

  /** A new inode's list of blocks is empty. */
  mapEmpty(): void {
    this.#mapped = true;
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
    this.buffer.bytes.set(this.#area, this.offset + BLOCK_OFFSET);
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
    yield* this.extents.store(this.#area);
    const blocks = this.extents.extents.reduce((sum, extent) => sum + extent.count, 0) +
      this.extents.treeBlocks +
      (this.extended.block !== 0 ? 1 : 0);
    this.attributes.blocks = blocks * this.#blockBytes / 512;
    this.join();
  }

  #directoryHost() {
    // deno-lint-ignore no-this-alias
    const inode = this;
    const { filesystem } = this;
    return {
      ino: this.ino,
      blockBytes: this.#blockBytes,
      seed: this.#seed,
      blockCount: () => inode.attributes.sizeBytes / inode.#blockBytes,
      *readBlock(index: number): Coroutine<Buffer> {
        const { physical } = inode.extents.lookup(index);
        return physical < 0 ? fail(E.EUCLEAN) : yield* filesystem.cache.read(physical);
      },
      *addBlock(): Coroutine<Buffer> {
        const index = inode.attributes.sizeBytes / inode.#blockBytes;
        const { block } = yield* filesystem.groups.allocate(inode.extents.goal(index), 1);
        inode.extents.insert({ logical: index, count: 1, physical: block, unwritten: false });
        inode.attributes.sizeBytes += inode.#blockBytes;
        const buffer = filesystem.cache.fresh(block);
        filesystem.changedDirectoryBlock(buffer, inode.#seed);
        yield* inode.storeExtents();
        return buffer;
      },
      changed: (buffer: Buffer) => filesystem.changedDirectoryBlock(buffer, inode.#seed),
      get indexed(): boolean {
        return (inode.flags & InodeFlag.INDEX) !== 0;
      },
      set indexed(value: boolean) {
        inode.flags = value ? inode.flags | InodeFlag.INDEX : inode.flags & ~InodeFlag.INDEX;
        inode.join();
      },
    };
  }

  hold(): void {
    this.uses++;
  }

  release(): Blocking<void> {
    if (--this.uses > 0) return;
    return this.attributes.links === 0
      ? this.filesystem.deleteInode(this)
      : this.filesystem.trimInodes();
  }

  *setAttributes(
    change: Partial<Pick<Attributes, "mode" | "uid" | "gid" | "atimeNs" | "mtimeNs">>,
  ): Coroutine<void> {
    yield* this.filesystem.operation(() => {
      Object.assign(this.attributes, change);
      this.touch(false);
    });
  }

  lookup(name: string): Blocking<Inode | undefined> {
    return this.filesystem.names.lookup(this, name);
  }
  parent(): Blocking<Inode> {
    return this.filesystem.names.parent(this);
  }
  create(name: string, mode: number, uid: number, gid: number, rdev: number): Blocking<Inode> {
    return this.filesystem.names.create(this, name, mode, uid, gid, rdev, "");
  }
  createUnnamed(mode: number, uid: number, gid: number): Blocking<Inode> {
    return this.filesystem.names.createUnnamed(this, mode, uid, gid);
  }
  symlink(name: string, target: string, uid: number, gid: number): Blocking<Inode> {
    return this.filesystem.names.create(this, name, S.IFLNK | 0o777, uid, gid, 0, target);
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
    if (this.#isFastSymlink) return String.fromCharCode(...this.#area.subarray(0, sizeBytes));
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

  write(position: number, from: Uint8Array): Blocking<number> {
    const offset = position === APPEND ? this.attributes.sizeBytes : position;
    if (this.#canWriteNow(offset, from.length)) {
      const { transactions } = this.filesystem;
      transactions.beginNow();
      this.#copyIn(offset, from, 0, from.length);
      this.#wrote(offset + from.length);
      transactions.end();
      this.data.wrote(offset, offset + from.length);
      return from.length;
    }
    return this.#writeSlowly(position, from);
  }

  /** Whether every page is in memory and every block is there: then a write waits for nothing. */
  #canWriteNow(offset: number, length: number): boolean {
    const { filesystem } = this;
    if (
      !this.#mapped || this.lock.held || !filesystem.transactions.open ||
      filesystem.files.pageCache.crowded || length === 0
    ) return false;
    for (
      let index = Math.floor(offset / PAGE_BYTES);
      index * PAGE_BYTES < offset + length;
      index++
    ) {
      if (!this.data.pages.get(index)?.ready) return false;
    }
    const blockBytes = this.#blockBytes;
    for (let block = Math.floor(offset / blockBytes); block * blockBytes < offset + length;) {
      const { physical, unwritten, count } = this.extents.lookup(block);
      if (physical < 0 || unwritten) return false;
      block += count;
    }
    return true;
  }

  #copyIn(offset: number, from: Uint8Array, done: number, end: number): void {
    while (done < end) {
      const within = (offset + done) % PAGE_BYTES;
      const page = this.data.pages.get(Math.floor((offset + done) / PAGE_BYTES))!;
      const part = Math.min(PAGE_BYTES - within, end - done);
      page.frame.bytes.set(part === from.length ? from : from.subarray(done, done + part), within);
      page.referenced = true;
      page.ready = true;
      this.filesystem.files.pageCache.markDirty(page);
      done += part;
    }
  }

  #wrote(end: number): void {
    if (end > this.attributes.sizeBytes) this.attributes.sizeBytes = end;
    this.attributes.mode &= ~(S.ISUID | ((this.attributes.mode & 0o010) !== 0 ? S.ISGID : 0));
    this.touch(true);
  }

  *#writeSlowly(position: number, from: Uint8Array): Coroutine<number> {
    const { filesystem } = this;
    if (filesystem.readOnly) fail(E.EROFS);
    if (from.length === 0) return 0;
    yield* this.lock.acquire();
    try {
      const offset = position === APPEND ? this.attributes.sizeBytes : position;
      if (offset + from.length > MAX_BLOCKS * this.#blockBytes) fail(E.EFBIG);
      yield* this.map();
      for (let done = 0; done < from.length;) {
        if (filesystem.files.pageCache.crowded) yield* this.data.writeData();
        const start = offset + done;
        const end = Math.min(
          offset + from.length,
          (Math.floor(start / PAGE_BYTES) + WRITE_PAGES) * PAGE_BYTES,
        );
        const pages: Page[] = [];
        try {
          yield* this.#pinPages(pages, start, end);
          const reached = yield* filesystem.operation(() =>
            this.#writePart(offset, from, start, end)
          );
          done = reached - offset;
        } catch (failure) {
          if (done > 0 && (failure as { errno?: number }).errno === E.ENOSPC) return done;
          throw failure;
        } finally {
          for (const page of pages) this.data.unpin(page);
        }
      }
      this.data.wrote(offset, offset + from.length);
      return from.length;
    } finally {
      this.lock.release();
    }
  }

  /** Pages are in memory before blocks are given to them: what is read must be what was there before. */
  *#pinPages(pages: Page[], start: number, end: number): Coroutine<void> {
    for (let index = Math.floor(start / PAGE_BYTES); index * PAGE_BYTES < end; index++) {
      const from = index * PAGE_BYTES;
      const rest = start <= from && end >= from + PAGE_BYTES
        ? "nothing"
        : from >= this.attributes.sizeBytes
        ? "zeros"
        : "contents";
      pages.push(yield* this.data.pin(index, rest));
    }
  }

  /** @returns the position reached */
  *#writePart(offset: number, from: Uint8Array, start: number, end: number): Coroutine<number> {
    const blockBytes = this.#blockBytes;
    const first = Math.floor(start / blockBytes), beyond = Math.ceil(end / blockBytes);
    let changed = false;
    let reached = beyond;
    try {
      for (let block = first; block < beyond;) {
        const { physical, unwritten, count } = this.extents.lookup(block);
        const length = Math.min(count, beyond - block);
        if (physical < 0) {
          const run = yield* this.filesystem.groups.allocate(this.extents.goal(block), length);
          this.extents.insert({
            logical: block,
            count: run.count,
            physical: run.block,
            unwritten: false,
          });
          changed = true;
          block += run.count;
          continue;
        }
        if (unwritten) {
          this.extents.markWritten(block, block + length);
          changed = true;
        }
        block += length;
      }
    } catch (failure) {
      // Out of space: what has blocks is written, the rest is not.
      for (reached = first; reached < beyond; reached++) {
        if (this.extents.lookup(reached).physical < 0) break;
      }
      if (reached * blockBytes <= start) {
        if (changed) yield* this.storeExtents();
        throw failure;
      }
    }
    if (changed) yield* this.storeExtents();
    const last = Math.min(end, reached * blockBytes);
    this.#copyIn(offset, from, start - offset, last - offset);
    this.#wrote(last);
    return last;
  }

  *truncate(sizeBytes: number): Coroutine<void> {
    if (this.filesystem.readOnly) fail(E.EROFS);
    if (sizeBytes > MAX_BLOCKS * this.#blockBytes) fail(E.EFBIG);
    yield* this.lock.acquire();
    try {
      yield* this.map();
      yield* this.filesystem.operation(() => this.#cut(sizeBytes));
    } finally {
      this.lock.release();
    }
  }

  *#cut(sizeBytes: number): Coroutine<void> {
    const shrinks = sizeBytes < this.attributes.sizeBytes;
    this.attributes.sizeBytes = sizeBytes;
    // After the size: until then the bytes are the file's, and readers see them.
    if (shrinks) yield* this.#zeroTail(sizeBytes, Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES);
    if (shrinks || this.extents.extents.length > 0) {
      this.data.dropFrom(Math.ceil(sizeBytes / PAGE_BYTES));
      yield* this.#freeRange(Math.ceil(sizeBytes / this.#blockBytes), Infinity);
    }
    this.touch(true);
  }

  /** Gives blocks back. Part of an operation. */
  *#freeRange(first: number, beyond: number): Coroutine<void> {
    const runs = this.extents.remove(first, beyond);
    if (runs.length === 0) return;
    for (const run of runs) yield* this.filesystem.groups.free(run.physical, run.count);
    yield* this.storeExtents();
  }

  /** Zeros a range that lies in one page, where the page has contents. Part of no operation. */
  *#zeroTail(from: number, to: number): Coroutine<void> {
    if (from >= to) return;
    const block = Math.floor(from / this.#blockBytes);
    if (
      this.extents.lookup(block).physical < 0 && !this.data.pages.has(Math.floor(from / PAGE_BYTES))
    ) return;
    const page = yield* this.data.load(Math.floor(from / PAGE_BYTES));
    page.frame.bytes.fill(0, from % PAGE_BYTES, from % PAGE_BYTES + to - from);
    this.filesystem.files.pageCache.markDirty(page);
  }

  *allocate(
    mode: "allocate" | "punch-hole" | "zero-range",
    offset: number,
    length: number,
    keepSize: boolean,
  ): Coroutine<void> {
    if (this.filesystem.readOnly) fail(E.EROFS);
    const end = offset + length;
    if (end > MAX_BLOCKS * this.#blockBytes) fail(E.EFBIG);
    yield* this.lock.acquire();
    try {
      yield* this.map();
      if (mode !== "allocate") yield* this.#punch(offset, end);
      if (mode !== "punch-hole") yield* this.#reserve(offset, end);
      yield* this.filesystem.operation(() => {
        if (!keepSize && end > this.attributes.sizeBytes) this.attributes.sizeBytes = end;
        this.touch(true);
      });
    } finally {
      this.lock.release();
    }
  }

  *#punch(offset: number, end: number): Coroutine<void> {
    const limit = Math.min(end, Math.ceil(this.attributes.sizeBytes / PAGE_BYTES) * PAGE_BYTES);
    const firstPage = Math.ceil(offset / PAGE_BYTES), beyondPage = Math.floor(end / PAGE_BYTES);
    if (firstPage > beyondPage) yield* this.#zeroTail(offset, Math.min(end, limit));
    else {
      yield* this.#zeroTail(offset, Math.min(firstPage * PAGE_BYTES, limit));
      yield* this.#zeroTail(beyondPage * PAGE_BYTES, limit);
    }
    yield* this.filesystem.operation(() => {
      // Pages that lose all their blocks go; the blocks of the others stay and read as the zeros above.
      this.data.dropFrom(firstPage, beyondPage);
      const perPage = PAGE_BYTES / this.#blockBytes;
      return this.#freeRange(firstPage * perPage, Math.max(firstPage, beyondPage) * perPage);
    });
  }

  *#reserve(offset: number, end: number): Coroutine<void> {
    const beyond = Math.ceil(end / this.#blockBytes);
    for (let block = Math.floor(offset / this.#blockBytes); block < beyond;) {
      const { physical, count } = this.extents.lookup(block);
      const length = Math.min(count, beyond - block);
      if (physical >= 0) {
        block += length;
        continue;
      }
      block += yield* this.filesystem.operation(() =>
        this.#reserveRun(block, Math.min(length, 32767))
      );
    }
  }

  *#reserveRun(block: number, length: number): Coroutine<number> {
    const run = yield* this.filesystem.groups.allocate(this.extents.goal(block), length);
    this.extents.insert({ logical: block, count: run.count, physical: run.block, unwritten: true });
    yield* this.storeExtents();
    return run.count;
  }

  *seek(offset: number, what: "data" | "hole"): Coroutine<number> {
    yield* this.map();
    const size = this.attributes.sizeBytes;
    for (let block = Math.floor(offset / this.#blockBytes); block * this.#blockBytes < size;) {
      const { physical, unwritten, count } = this.extents.lookup(block);
      if ((physical >= 0 && !unwritten) === (what === "data")) {
        return Math.max(offset, block * this.#blockBytes);
      }
      block += count;
    }
    return what === "hole" ? size : -1;
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

  *listAttributes(): Coroutine<string[]> {
    return (yield* this.extended.all()).map((each) => each.name);
  }

  *sync(): Coroutine<void> {
    const { transactions } = this.filesystem;
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
