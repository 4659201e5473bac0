// The component `ext4`: mounts an image, and runs operations inside transactions.
import { type BlockDevice, SECTOR_BYTES } from "../../block/block_device.ts";
import type { Component } from "../../component.ts";
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, Errno, fail } from "../../errno.ts";
import type { FileSystem, Inode, Usage } from "../../vfs/filesystem.ts";
import { PAGE_BYTES, PageCache } from "../page_cache/page_cache.ts";
import { BlockIo } from "./block_io.ts";
import { type Buffer, BufferCache } from "./buffer_cache.ts";
import { sealDirectoryBlock } from "./directory.ts";
import { Incompat } from "./features.ts";
import { EarlyWrites } from "./early_writes.ts";
import type { FileContext } from "./file_data.ts";
import { Groups } from "./groups.ts";
import type { Ext4Inode } from "./inode.ts";
import { Inodes, ROOT_INO } from "./inodes.ts";
import { JournalFeature } from "./journal_format.ts";
import { JournalLog } from "./journal_log.ts";
import { Names } from "./names.ts";
import { Orphans } from "./orphans.ts";
import { readDisk } from "./raw_disk.ts";
import { BadImage, Superblock, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET } from "./superblock.ts";
import { Transactions } from "./transactions.ts";

const MAGIC = 0xef53;
/** Changes become durable by themselves after this long. */
const COMMIT_INTERVAL_NS = 5e9;
/** Memory left to others when the page cache takes the rest. */
const SPARE_BYTES = 1 << 20;
/** Blocks that are promised to nobody: for names, trees of extents, and what a commit holds back. */
const UNPROMISED_BLOCKS = 1024;

let nextDevice = 8 << 8;

export class Ext4 implements FileSystem {
  readonly type = "ext4";
  readonly steady = true;
  readonly device = nextDevice++;
  readonly readOnly: boolean;
  readonly names = new Names(this);
  readonly inodes = new Inodes(this);
  readonly orphans = new Orphans(this);
  readonly files: FileContext;
  superblock!: Superblock;
  cache!: BufferCache;
  groups!: Groups;
  transactions!: Transactions;
  root!: Ext4Inode;
  recovered = 0;
  readonly #io: BlockIo;
  readonly findsInodes = true;
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
      () => this.seconds,
    );
    this.groups.transactions = this.transactions;
    yield* this.groups.load();
    this.root = yield* this.inodes.hold(ROOT_INO);
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

  /** since 1970 */
  get seconds(): number {
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
    const inode = yield* this.inodes.load(superblock.journalInode);
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
    this.inodes.clear();
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
    this.superblock.writeTime = this.seconds;
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

  readDisk(offset: number, into: Uint8Array): Coroutine<number> {
    return readDisk(this.#io, this.cache, this.disk.sectors * SECTOR_BYTES, offset, into);
  }

  *sync(): Coroutine<void> {
    if (!this.readOnly && !this.transactions.empty) {
      yield* this.transactions.commit(this.transactions.number);
    }
  }

  inode(ino: number, generation: number): Coroutine<Inode> {
    return this.inodes.reopen(ino, generation);
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
