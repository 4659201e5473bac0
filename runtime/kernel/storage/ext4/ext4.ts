// The component `ext4`: mounts an image, keeps its inodes, runs operations inside transactions.
import type { BlockDevice } from "../../block/block_device.ts";
import type { Component } from "../../component.ts";
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, Errno, fail } from "../../errno.ts";
import { type FileSystem, type Inode, S, type Usage } from "../../vfs/filesystem.ts";
import { PAGE_BYTES, PageCache } from "../page_cache/page_cache.ts";
import { BlockIo } from "./block_io.ts";
import { type Buffer, BufferCache } from "./buffer_cache.ts";
import { sealDirectoryBlock } from "./directory.ts";
import { Incompat } from "./features.ts";
import { EarlyWrites } from "./early_writes.ts";
import type { FileContext } from "./file_data.ts";
import { Groups } from "./groups.ts";
import { Ext4Inode } from "./inode.ts";
import { initializeInode, inodeChecksumIsRight, InodeFlag } from "./inode_format.ts";
import { JournalFeature } from "./journal_format.ts";
import { JournalLog } from "./journal_log.ts";
import { Names } from "./names.ts";
import { Orphans } from "./orphans.ts";
import { BadImage, Superblock, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET } from "./superblock.ts";
import { Transactions } from "./transactions.ts";

const ROOT_INO = 2;
const MAGIC = 0xef53;
/** Inodes that nobody uses and that stay in memory. */
const IDLE_INODES = 4096;
/** Changes become durable by themselves after this long. */
const COMMIT_INTERVAL_NS = 5e9;
/** Memory left to others when the page cache takes the rest. */
const SPARE_BYTES = 1 << 20;
/** Blocks that are promised to nobody: for names, trees of extents, and what a commit holds back. */
const UNPROMISED_BLOCKS = 1024;
const BITS_32 = 2 ** 32;

let nextDevice = 8 << 8;

export class Ext4 implements FileSystem {
  readonly type = "ext4";
  readonly steady = true;
  readonly device = nextDevice++;
  readonly readOnly: boolean;
  readonly names = new Names(this);
  readonly orphans = new Orphans(this);
  readonly files: FileContext;
  superblock!: Superblock;
  cache!: BufferCache;
  groups!: Groups;
  transactions!: Transactions;
  root!: Ext4Inode;
  recovered = 0;
  readonly #io: BlockIo;
  readonly #inodes = new Map<number, Ext4Inode>();
  readonly #directoryBlocks = new Map<Buffer, number>();
  #superBuffer!: Buffer;
  #unmounted = false;

  constructor(
    readonly environment: Environment,
    private readonly disk: BlockDevice,
    cacheBytes: number,
  ) {
    this.readOnly = disk.readOnly;
    this.#io = new BlockIo(disk, environment);
    const pageCache = new PageCache(
      environment,
      Math.min(cacheBytes, environment.memory.freeBytes - SPARE_BYTES),
    );
    this.files = {
      pageCache,
      io: this.#io,
      blockBytes: PAGE_BYTES,
      early: new EarlyWrites(),
      spawn: (body) => environment.tasks.spawn(body),
    };
  }

  get transaction(): number {
    return this.transactions.number;
  }

  get durable(): number {
    return this.transactions.durable;
  }

  /** Blocks that a commit gives back are not counted before it. */
  get spareBytes(): number {
    const { freeBlocks, heldBlocks } = this.groups;
    const spare = freeBlocks - heldBlocks - UNPROMISED_BLOCKS;
    return this.transactions.failure !== undefined ? 0 : Math.max(0, spare * this.files.blockBytes);
  }

  /** Mounts: checks, goes on with the journal, finishes what a crash interrupted. @throws BadImage, Errno */
  *mount(): Coroutine<void> {
    const probe = this.disk as BlockDevice & { probe?(): Coroutine<void> };
    if (probe.probe) yield* probe.probe();
    yield* this.#readSuperblock();
    const { needsRecovery, journalInode } = this.superblock;
    const log = journalInode === 0 ? undefined : yield* this.#openJournal();
    // The superblock may be in the journal.
    if (log !== undefined) yield* this.#readSuperblock(log.committed);
    const first = Math.max(1, log?.sequence ?? 1);
    this.recovered = first - 1;
    this.groups = new Groups(this.superblock, this.cache);
    this.transactions = new Transactions(
      this.#io,
      this.cache,
      log,
      { seal: () => this.#seal() },
      first,
      () => this.#seconds,
    );
    this.groups.transactions = this.transactions;
    yield* this.groups.load();
    this.root = yield* this.hold(ROOT_INO);
    if (!this.root.isDirectory) fail(E.EUCLEAN);
    if (this.readOnly) return;
    if (log !== undefined && !needsRecovery) {
      // Said on the image itself before the first transaction is in the journal.
      this.superblock.needsRecovery = true;
      yield* this.#writeSuperblock();
    }
    yield* this.orphans.collect();
    this.environment.tasks.spawn(this.#commitNowAndThen());
  }

  get #seconds(): number {
    return Number(this.environment.realtimeNs() / 1_000_000_000n);
  }

  /** @param committed blocks that are in the journal, and not at home */
  *#readSuperblock(committed: ReadonlyMap<number, Uint8Array> = new Map()): Coroutine<void> {
    const bytes = new Uint8Array(PAGE_BYTES);
    yield* this.#io.read(0, bytes);
    const found = new Superblock(
      bytes.slice(SUPERBLOCK_OFFSET, SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES),
      this.disk.sectors * 512,
      this.readOnly,
    );
    const { blockBytes } = found;
    this.cache = new BufferCache(this.#io, blockBytes, found.blocks, committed);
    this.files.blockBytes = blockBytes;
    this.#superBuffer = yield* this.cache.read(Math.floor(SUPERBLOCK_OFFSET / blockBytes));
    this.#superBuffer.pins++;
    const offset = SUPERBLOCK_OFFSET % blockBytes;
    this.superblock = new Superblock(
      this.#superBuffer.bytes.subarray(offset, offset + SUPERBLOCK_BYTES),
      this.disk.sectors * 512,
      this.readOnly,
    );
  }

  /** Writes the superblock home, past the journal. */
  *#writeSuperblock(): Coroutine<void> {
    const block = this.#superBuffer.block;
    this.superblock.seal();
    yield* this.#io.writeDurably([{
      position: block * this.cache.blockBytes,
      bytes: this.#superBuffer.bytes.slice(),
    }]);
  }

  *#openJournal(): Coroutine<JournalLog> {
    const { superblock } = this;
    // The journal's own inode is read without transactions: there are none yet.
    this.groups = new Groups(superblock, this.cache);
    this.transactions = new Transactions(
      this.#io,
      this.cache,
      undefined,
      { seal: () => {} },
      1,
      () => 0,
    );
    this.groups.transactions = this.transactions;
    if (superblock.needsRecovery && this.readOnly) {
      throw new BadImage("its journal has to be replayed, and the device is read-only");
    }
    const groups = new Groups(superblock, this.cache);
    groups.transactions = this.transactions;
    yield* groups.load();
    this.groups = groups;
    const inode = yield* this.#load(superblock.journalInode);
    yield* inode.map();
    const map: number[] = [];
    for (let block = 0; block < inode.attributes.sizeBytes / superblock.blockBytes; block++) {
      const { physical } = inode.extents.lookup(block);
      if (physical < 0) fail(E.EUCLEAN);
      map.push(physical);
    }
    const log = new JournalLog(this.#io, map, superblock.blockBytes);
    const wide = (superblock.incompat & Incompat.BIT64) !== 0 ? JournalFeature.BIT64 : 0;
    const checksums = superblock.checksums ? JournalFeature.CSUM_V3 : 0;
    yield* log.open(superblock.blocks, JournalFeature.REVOKE | wide | checksums, this.readOnly);
    this.#inodes.clear();
    return log;
  }

  /** Gives up the orphans that were kept for clients of before: those that nobody reopened go. */
  *dropOrphans(): Coroutine<void> {
    if (this.readOnly) return;
    yield* this.orphans.drop();
  }

  *unmount(): Coroutine<void> {
    if (this.readOnly || this.#unmounted) return;
    this.#unmounted = true;
    yield* this.dropOrphans();
    yield* this.transactions.finish();
    this.superblock.needsRecovery = false;
    this.superblock.setCounts(this.groups.freeBlocks, this.groups.freeInodes);
    this.superblock.writeTime = this.#seconds;
    yield* this.#writeSuperblock();
  }

  *#commitNowAndThen(): Coroutine<void> {
    while (!this.#unmounted) {
      yield* this.environment.tasks.sleep(COMMIT_INTERVAL_NS);
      if (this.#unmounted || this.transactions.failure !== undefined) return;
      try {
        if (!this.transactions.empty) yield* this.transactions.commit(this.transactions.number);
      } catch (failure) {
        if (!(failure instanceof Errno)) throw failure;
        this.environment.log(`ext4: writing failed (${failure}); the file system is read-only now`);
      }
    }
  }

  /** Runs `work` inside the running transaction; when space is only held back, makes it free and tries again. */
  *operation<T>(work: () => Blocking<T>): Coroutine<T> {
    if (this.readOnly) fail(E.EROFS);
    for (let tries = 0;; tries++) {
      yield* this.transactions.begin();
      try {
        return yield* finish(work());
      } catch (failure) {
        const retry = failure instanceof Errno && failure.errno === E.ENOSPC &&
          this.groups.heldBlocks > 0 && tries === 0;
        if (!retry) throw failure;
      } finally {
        this.transactions.end();
      }
      yield* this.transactions.commit(this.transactions.number);
    }
  }

  #seal(): void {
    for (const [buffer, seed] of this.#directoryBlocks) {
      if (buffer.transaction !== 0) sealDirectoryBlock(buffer, seed);
    }
    this.#directoryBlocks.clear();
    this.groups.seal();
    const { freeBlocks, freeInodes } = this.groups;
    if (this.superblock.setCounts(freeBlocks, freeInodes)) this.changedSuperblock();
    if (this.#superBuffer.transaction !== 0) this.superblock.seal();
  }

  /** The superblock is changed by the present operation. */
  changedSuperblock(): void {
    this.transactions.dirty(this.#superBuffer);
  }

  /** A block of a directory is changed by the present operation. */
  changedDirectoryBlock(buffer: Buffer, seed: number | undefined): void {
    this.transactions.dirty(buffer);
    if (seed !== undefined) this.#directoryBlocks.set(buffer, seed);
  }

  /** Where to look for the first blocks of an inode: in its group. */
  goalOf(ino: number): number {
    return this.superblock.firstDataBlock +
      Math.floor((ino - 1) / this.superblock.inodesPerGroup) * this.superblock.blocksPerGroup;
  }

  /** The inode of a number, held for the caller. @throws Errno EUCLEAN, EIO */
  *hold(ino: number): Coroutine<Ext4Inode> {
    const inode = this.#inodes.get(ino) ?? (yield* this.#load(ino));
    inode.hold();
    return inode;
  }

  *#load(ino: number): Coroutine<Ext4Inode> {
    const { block, offset } = this.groups.inodePlace(ino);
    const buffer = yield* this.cache.read(block);
    const found = this.#inodes.get(ino);
    if (found !== undefined) return found;
    const bytes = buffer.bytes.subarray(offset, offset + this.superblock.inodeBytes);
    if (!inodeChecksumIsRight(this.superblock, bytes, ino)) fail(E.EUCLEAN);
    const inode = new Ext4Inode(this, ino, buffer, offset);
    if (inode.attributes.mode === 0) fail(E.EUCLEAN);
    this.#inodes.set(ino, inode);
    return inode;
  }

  /** A new inode without a name. Part of an operation. */
  *newInode(parent: number, mode: number, uid: number, gid: number): Coroutine<Ext4Inode> {
    const directory = (mode & S.IFMT) === S.IFDIR;
    const ino = yield* this.groups.allocateInode(parent, directory);
    const { block, offset } = this.groups.inodePlace(ino);
    const buffer = yield* this.cache.read(block);
    const view = new DataView(
      buffer.bytes.buffer,
      buffer.bytes.byteOffset + offset,
      this.superblock.inodeBytes,
    );
    const random = new Uint8Array(4);
    this.environment.random(random);
    initializeInode(view, new DataView(random.buffer).getUint32(0));
    const inode = new Ext4Inode(this, ino, buffer, offset);
    this.#inodes.set(ino, inode);
    const now = this.environment.realtimeNs();
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
  *deleteInode(inode: Ext4Inode): Coroutine<void> {
    if (this.readOnly || this.transactions.failure !== undefined) return;
    yield* inode.lock.acquire();
    try {
      if (inode.uses > 0) return;
      yield* this.operation(() => this.eraseInode(inode));
    } finally {
      inode.lock.release();
    }
  }

  /** Frees an inode and all it has. Part of an operation. */
  *eraseInode(inode: Ext4Inode): Coroutine<void> {
    const { isDirectory } = inode;
    yield* inode.clear();
    this.orphans.remove(inode);
    inode.nextOrphan = this.#seconds % BITS_32;
    inode.attributes.links = 0;
    inode.attributes.mode = 0;
    inode.join();
    yield* this.groups.freeInode(inode.ino, isDirectory);
    this.#forget(inode);
  }

  #forget(inode: Ext4Inode): void {
    this.#inodes.delete(inode.ino);
    inode.data.dropFrom(0);
    inode.buffer.pins--;
  }

  /** Lets go of inodes that nobody has used for long. */
  trimInodes(): void {
    if (this.#inodes.size <= IDLE_INODES) return;
    for (const inode of this.#inodes.values()) {
      if (this.#inodes.size <= IDLE_INODES / 2) return;
      const busy = [...inode.data.pages.values()].some((page) => page.dirty || page.busy > 0);
      if (
        inode.uses === 0 && inode.joined <= this.transactions.durable && !inode.lock.held && !busy
      ) this.#forget(inode);
    }
  }

  usage(): Usage {
    const { superblock, groups } = this;
    return {
      magic: MAGIC,
      blockBytes: superblock.blockBytes,
      blocks: superblock.blocks,
      freeBlocks: groups.freeBlocks,
      availableBlocks: Math.max(0, groups.freeBlocks - superblock.reservedBlocks),
      files: superblock.inodes,
      freeFiles: groups.freeInodes,
      nameMax: 255,
    };
  }

  *sync(): Coroutine<void> {
    if (!this.readOnly && !this.transactions.empty) {
      yield* this.transactions.commit(this.transactions.number);
    }
  }

  *inode(ino: number, generation: number): Coroutine<Inode> {
    if (!(ino > 0 && ino <= this.superblock.inodes) || !(yield* this.groups.inodeInUse(ino))) {
      fail(E.ESTALE);
    }
    const inode = yield* this.hold(ino);
    if (inode.generation === generation) return inode;
    yield* finish(inode.release());
    return fail(E.ESTALE);
  }
}

export function createExt4(
  environment: Environment,
  needs: Record<string, unknown>,
  settings: Record<string, unknown>,
): Component {
  const cacheBytes = typeof settings.cacheBytes === "number" ? settings.cacheBytes : Infinity;
  const filesystem = new Ext4(environment, needs.disk as BlockDevice, cacheBytes);
  return {
    provides: { filesystem },
    counters: () => {
      const { hits, misses } = filesystem.files.pageCache;
      return { pageCacheHits: hits, pageCacheMisses: misses };
    },
    start: () => filesystem.mount(),
    stop: () => filesystem.unmount(),
  };
}
