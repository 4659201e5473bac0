// Block groups: descriptors, bitmaps, and the allocation of blocks and inodes. Freed blocks are not
// given out again before the transaction that freed them is durable: until then a crash brings their
// old owner back.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Buffer, BufferCache } from "./buffer_cache.ts";
import { crc16, crc32c, crc32cWord } from "./checksum.ts";
import type { Superblock } from "./superblock.ts";
import type { Transactions } from "./transactions.ts";

/** Byte offsets in a group descriptor: low parts, and the distance to the high parts where there are any. */
const D = {
  BLOCK_BITMAP: 0,
  INODE_BITMAP: 4,
  INODE_TABLE: 8,
  FREE_BLOCKS: 12,
  FREE_INODES: 14,
  DIRECTORIES: 16,
  FLAGS: 18,
  BLOCK_CSUM: 24,
  INODE_CSUM: 26,
  UNUSED: 28,
  CSUM: 30,
} as const;
const HIGH = {
  BLOCK_BITMAP: 32,
  INODE_BITMAP: 36,
  INODE_TABLE: 40,
  FREE_BLOCKS: 44,
  FREE_INODES: 46,
  DIRECTORIES: 48,
  UNUSED: 50,
  BLOCK_CSUM: 56,
  INODE_CSUM: 58,
} as const;
const Flag = { INODE_UNINIT: 1, BLOCK_UNINIT: 2 } as const;

export class Groups {
  transactions!: Transactions;
  freeBlocks = 0;
  freeInodes = 0;
  /** freed by a transaction that is not durable */
  readonly #held = new Set<number>();
  readonly #descriptors: { buffer: Buffer; at: number }[] = [];
  readonly #changed = new Set<number>();

  constructor(private readonly superblock: Superblock, private readonly cache: BufferCache) {}

  /** Reads and checks the descriptors. @throws Errno EUCLEAN, EIO */
  *load(): Coroutine<void> {
    const { superblock } = this;
    const perBlock = superblock.blockBytes / superblock.descriptorBytes;
    for (let group = 0; group < superblock.groups; group++) {
      const block = superblock.firstDataBlock + 1 + Math.floor(group / perBlock);
      const buffer = yield* this.cache.read(block);
      if (group % perBlock === 0) buffer.pins++;
      this.#descriptors.push({ buffer, at: (group % perBlock) * superblock.descriptorBytes });
      if (
        this.#checksum(group) !== this.#get16(group, D.CSUM) &&
        (superblock.checksums || superblock.oldChecksums)
      ) fail(E.EUCLEAN);
      for (
        const block of [this.#blockBitmap(group), this.#inodeBitmap(group), this.inodeTable(group)]
      ) {
        if (block < superblock.firstDataBlock || block >= superblock.blocks) fail(E.EUCLEAN);
      }
      this.freeBlocks += this.#count(group, D.FREE_BLOCKS, HIGH.FREE_BLOCKS);
      this.freeInodes += this.#count(group, D.FREE_INODES, HIGH.FREE_INODES);
    }
  }

  get #wide(): boolean {
    return this.superblock.descriptorBytes >= 64;
  }

  #get16(group: number, offset: number): number {
    const { buffer, at } = this.#descriptors[group];
    return buffer.view.getUint16(at + offset, true);
  }

  #set16(group: number, offset: number, value: number): void {
    const { buffer, at } = this.#descriptors[group];
    buffer.view.setUint16(at + offset, value, true);
  }

  #address(group: number, low: number, high: number): number {
    const { buffer, at } = this.#descriptors[group];
    return buffer.view.getUint32(at + low, true) +
      (this.#wide ? buffer.view.getUint32(at + high, true) * 2 ** 32 : 0);
  }

  #blockBitmap(group: number): number {
    return this.#address(group, D.BLOCK_BITMAP, HIGH.BLOCK_BITMAP);
  }

  #inodeBitmap(group: number): number {
    return this.#address(group, D.INODE_BITMAP, HIGH.INODE_BITMAP);
  }

  inodeTable(group: number): number {
    return this.#address(group, D.INODE_TABLE, HIGH.INODE_TABLE);
  }

  #count(group: number, low: number, high: number): number {
    return this.#get16(group, low) + (this.#wide ? this.#get16(group, high) * 65536 : 0);
  }

  #setCount(group: number, low: number, high: number, value: number): void {
    this.#set16(group, low, value & 0xffff);
    if (this.#wide) this.#set16(group, high, value >>> 16);
  }

  #checksum(group: number): number {
    const { superblock } = this;
    const { buffer, at } = this.#descriptors[group];
    const bytes = buffer.bytes.slice(at, at + superblock.descriptorBytes);
    if (superblock.checksums) {
      bytes.fill(0, D.CSUM, D.CSUM + 2);
      return crc32c(crc32cWord(superblock.seed, group), bytes) & 0xffff;
    }
    const number = Uint8Array.of(group, group >>> 8, group >>> 16, group >>> 24);
    const head = crc16(crc16(crc16(0xffff, superblock.uuid), number), bytes.subarray(0, D.CSUM));
    return this.#wide ? crc16(head, bytes.subarray(D.CSUM + 2)) : head;
  }

  /** first block of a group, and how many it has */
  #extent(group: number): { first: number; count: number } {
    const first = this.superblock.firstDataBlock + group * this.superblock.blocksPerGroup;
    return {
      first,
      count: Math.min(this.superblock.blocksPerGroup, this.superblock.blocks - first),
    };
  }

  /** The block bitmap of a group; made up where the image says that it was never written. */
  *#readBlockBitmap(group: number): Coroutine<Buffer> {
    const block = this.#blockBitmap(group);
    const flags = this.#get16(group, D.FLAGS);
    if (
      (flags & Flag.BLOCK_UNINIT) === 0 ||
      !(this.superblock.checksums || this.superblock.oldChecksums)
    ) {
      const buffer = yield* this.cache.read(block);
      if (!buffer.verified) {
        if (
          this.superblock.checksums &&
          this.#bitmapChecksum(buffer, this.superblock.blocksPerGroup) !==
            this.#storedChecksum(group, D.BLOCK_CSUM, HIGH.BLOCK_CSUM)
        ) fail(E.EUCLEAN);
        buffer.verified = true;
      }
      return buffer;
    }
    const buffer = this.cache.fresh(block);
    const { first, count } = this.#extent(group);
    const { superblock } = this;
    const mark = (from: number, blocks: number) => {
      for (let at = Math.max(from, first); at < Math.min(from + blocks, first + count); at++) {
        setBit(buffer.bytes, at - first);
      }
    };
    if (superblock.hasBackup(group)) {
      mark(first, 1 + superblock.descriptorBlocks + superblock.reservedDescriptorBlocks);
    }
    const tableBlocks = superblock.inodesPerGroup * superblock.inodeBytes / superblock.blockBytes;
    for (let other = 0; other < superblock.groups; other++) {
      mark(this.#blockBitmap(other), 1);
      mark(this.#inodeBitmap(other), 1);
      mark(this.inodeTable(other), tableBlocks);
    }
    for (let bit = count; bit < superblock.blockBytes * 8; bit++) setBit(buffer.bytes, bit);
    this.#set16(group, D.FLAGS, flags & ~Flag.BLOCK_UNINIT);
    this.#change(group, buffer);
    return buffer;
  }

  *#readInodeBitmap(group: number): Coroutine<Buffer> {
    const block = this.#inodeBitmap(group);
    const flags = this.#get16(group, D.FLAGS);
    if (
      (flags & Flag.INODE_UNINIT) === 0 ||
      !(this.superblock.checksums || this.superblock.oldChecksums)
    ) {
      const buffer = yield* this.cache.read(block);
      if (!buffer.verified) {
        if (
          this.superblock.checksums &&
          this.#bitmapChecksum(buffer, this.superblock.inodesPerGroup) !==
            this.#storedChecksum(group, D.INODE_CSUM, HIGH.INODE_CSUM)
        ) fail(E.EUCLEAN);
        buffer.verified = true;
      }
      return buffer;
    }
    const buffer = this.cache.fresh(block);
    for (let bit = this.superblock.inodesPerGroup; bit < this.superblock.blockBytes * 8; bit++) {
      setBit(buffer.bytes, bit);
    }
    this.#set16(group, D.FLAGS, flags & ~Flag.INODE_UNINIT);
    this.#change(group, buffer);
    return buffer;
  }

  #bitmapChecksum(buffer: Buffer, bits: number): number {
    const checksum = crc32c(this.superblock.seed, buffer.bytes, 0, bits / 8);
    return this.#wide ? checksum : checksum & 0xffff;
  }

  #storedChecksum(group: number, low: number, high: number): number {
    return this.#get16(group, low) + (this.#wide ? this.#get16(group, high) * 65536 : 0);
  }

  /** A bitmap of a group, and so its descriptor, is changed by the present operation. */
  #change(group: number, bitmap: Buffer): void {
    this.transactions.dirty(bitmap);
    this.transactions.dirty(this.#descriptors[group].buffer);
    this.#changed.add(group);
  }

  /** Brings the checksums of changed groups up to date: before copies are taken. */
  seal(): void {
    const { superblock } = this;
    for (const group of this.#changed) {
      if (superblock.checksums) {
        for (
          const [block, bits, low, high] of [
            [this.#blockBitmap(group), superblock.blocksPerGroup, D.BLOCK_CSUM, HIGH.BLOCK_CSUM],
            [this.#inodeBitmap(group), superblock.inodesPerGroup, D.INODE_CSUM, HIGH.INODE_CSUM],
          ]
        ) {
          const buffer = this.cache.peek(block);
          if (buffer === undefined || buffer.transaction === 0) continue;
          const checksum = crc32c(superblock.seed, buffer.bytes, 0, bits / 8);
          this.#set16(group, low, checksum & 0xffff);
          if (this.#wide) this.#set16(group, high, checksum >>> 16);
        }
      }
      if (superblock.checksums || superblock.oldChecksums) {
        this.#set16(group, D.CSUM, this.#checksum(group));
      }
    }
    this.#changed.clear();
  }

  /**
   * Takes up to `count` blocks in a row, near `goal`.
   * @returns first block and how many. @throws Errno ENOSPC
   */
  *allocate(goal: number, count: number): Coroutine<{ block: number; count: number }> {
    const { superblock } = this;
    if (!(goal >= superblock.firstDataBlock && goal < superblock.blocks)) {
      goal = superblock.firstDataBlock;
    }
    const home = Math.floor((goal - superblock.firstDataBlock) / superblock.blocksPerGroup);
    for (let step = 0; step <= superblock.groups; step++) {
      const group = (home + step) % superblock.groups;
      if (this.#count(group, D.FREE_BLOCKS, HIGH.FREE_BLOCKS) === 0) continue;
      const bitmap = yield* this.#readBlockBitmap(group);
      const extent = this.#extent(group);
      const from = step === 0 ? goal - extent.first : 0;
      const found = this.#findRun(bitmap.bytes, extent, from, count) ??
        (from > 0 ? this.#findRun(bitmap.bytes, extent, 0, count) : undefined);
      if (found === undefined) continue;
      for (let bit = found.bit; bit < found.bit + found.count; bit++) setBit(bitmap.bytes, bit);
      this.#setCount(
        group,
        D.FREE_BLOCKS,
        HIGH.FREE_BLOCKS,
        this.#count(group, D.FREE_BLOCKS, HIGH.FREE_BLOCKS) - found.count,
      );
      this.freeBlocks -= found.count;
      this.#change(group, bitmap);
      return { block: extent.first + found.bit, count: found.count };
    }
    return fail(E.ENOSPC);
  }

  /** whether blocks will be there once the running transaction is durable */
  get heldBlocks(): number {
    return this.#held.size;
  }

  #findRun(
    bitmap: Uint8Array,
    extent: { first: number; count: number },
    from: number,
    wanted: number,
  ): { bit: number; count: number } | undefined {
    const isFree = (bit: number) =>
      (bitmap[bit >>> 3] >>> (bit & 7) & 1) === 0 && !this.#held.has(extent.first + bit);
    for (let bit = from; bit < extent.count; bit++) {
      if ((bit & 7) === 0 && bitmap[bit >>> 3] === 0xff) {
        bit += 7;
        continue;
      }
      if (!isFree(bit)) continue;
      let count = 1;
      while (count < wanted && bit + count < extent.count && isFree(bit + count)) count++;
      return { bit, count };
    }
    return undefined;
  }

  /** Gives blocks back. @throws Errno EUCLEAN for blocks that are free already */
  *free(block: number, count: number): Coroutine<void> {
    const { superblock } = this;
    for (let done = 0; done < count;) {
      const group = Math.floor(
        (block + done - superblock.firstDataBlock) / superblock.blocksPerGroup,
      );
      if (!(group >= 0 && group < superblock.groups)) fail(E.EUCLEAN);
      const extent = this.#extent(group);
      const bitmap = yield* this.#readBlockBitmap(group);
      const first = block + done - extent.first;
      const part = Math.min(count - done, extent.count - first);
      for (let bit = first; bit < first + part; bit++) {
        if ((bitmap.bytes[bit >>> 3] >>> (bit & 7) & 1) === 0) fail(E.EUCLEAN);
        bitmap.bytes[bit >>> 3] &= ~(1 << (bit & 7));
        this.#held.add(extent.first + bit);
      }
      this.#setCount(
        group,
        D.FREE_BLOCKS,
        HIGH.FREE_BLOCKS,
        this.#count(group, D.FREE_BLOCKS, HIGH.FREE_BLOCKS) + part,
      );
      this.freeBlocks += part;
      this.#change(group, bitmap);
      const start = block + done;
      this.transactions.afterCommit(() => {
        for (let each = start; each < start + part; each++) this.#held.delete(each);
      });
      done += part;
    }
  }

  /** Takes an inode, near a parent; directories go where there are few. @throws Errno ENOSPC */
  *allocateInode(parent: number, directory: boolean): Coroutine<number> {
    const { superblock } = this;
    let home = Math.floor((parent - 1) / superblock.inodesPerGroup);
    if (directory && superblock.groups > 1) {
      let best = -1;
      for (let group = 0; group < superblock.groups; group++) {
        const free = Math.min(
          this.#count(group, D.FREE_INODES, HIGH.FREE_INODES),
          this.#count(group, D.FREE_BLOCKS, HIGH.FREE_BLOCKS),
        );
        if (free > best) [best, home] = [free, group];
      }
    }
    for (let step = 0; step < superblock.groups; step++) {
      const group = (home + step) % superblock.groups;
      if (this.#count(group, D.FREE_INODES, HIGH.FREE_INODES) === 0) continue;
      const bitmap = yield* this.#readInodeBitmap(group);
      const firstBit = group === 0 ? superblock.firstInode - 1 : 0;
      for (let bit = firstBit; bit < superblock.inodesPerGroup; bit++) {
        if ((bitmap.bytes[bit >>> 3] >>> (bit & 7) & 1) === 1) continue;
        setBit(bitmap.bytes, bit);
        this.#setCount(
          group,
          D.FREE_INODES,
          HIGH.FREE_INODES,
          this.#count(group, D.FREE_INODES, HIGH.FREE_INODES) - 1,
        );
        if (directory) {
          this.#setCount(
            group,
            D.DIRECTORIES,
            HIGH.DIRECTORIES,
            this.#count(group, D.DIRECTORIES, HIGH.DIRECTORIES) + 1,
          );
        }
        const unused = Math.min(
          this.#count(group, D.UNUSED, HIGH.UNUSED),
          superblock.inodesPerGroup - bit - 1,
        );
        this.#setCount(group, D.UNUSED, HIGH.UNUSED, unused);
        this.freeInodes--;
        this.#change(group, bitmap);
        return group * superblock.inodesPerGroup + bit + 1;
      }
    }
    return fail(E.ENOSPC);
  }

  *freeInode(ino: number, directory: boolean): Coroutine<void> {
    const group = Math.floor((ino - 1) / this.superblock.inodesPerGroup);
    const bit = (ino - 1) % this.superblock.inodesPerGroup;
    const bitmap = yield* this.#readInodeBitmap(group);
    if ((bitmap.bytes[bit >>> 3] >>> (bit & 7) & 1) === 0) fail(E.EUCLEAN);
    bitmap.bytes[bit >>> 3] &= ~(1 << (bit & 7));
    this.#setCount(
      group,
      D.FREE_INODES,
      HIGH.FREE_INODES,
      this.#count(group, D.FREE_INODES, HIGH.FREE_INODES) + 1,
    );
    if (directory) {
      this.#setCount(
        group,
        D.DIRECTORIES,
        HIGH.DIRECTORIES,
        this.#count(group, D.DIRECTORIES, HIGH.DIRECTORIES) - 1,
      );
    }
    this.freeInodes++;
    this.#change(group, bitmap);
  }

  /** Whether an inode is in use, as its bitmap says. */
  *inodeInUse(ino: number): Coroutine<boolean> {
    const bitmap = yield* this.#readInodeBitmap(
      Math.floor((ino - 1) / this.superblock.inodesPerGroup),
    );
    const bit = (ino - 1) % this.superblock.inodesPerGroup;
    return (bitmap.bytes[bit >>> 3] >>> (bit & 7) & 1) === 1;
  }

  /** Where an inode is: block of the table and byte in it. @throws Errno EUCLEAN */
  inodePlace(ino: number): { block: number; offset: number } {
    const { superblock } = this;
    if (!(ino >= 1 && ino <= superblock.inodes)) fail(E.EUCLEAN);
    const group = Math.floor((ino - 1) / superblock.inodesPerGroup);
    const byte = ((ino - 1) % superblock.inodesPerGroup) * superblock.inodeBytes;
    return {
      block: this.inodeTable(group) + Math.floor(byte / superblock.blockBytes),
      offset: byte % superblock.blockBytes,
    };
  }
}

function setBit(bitmap: Uint8Array, bit: number): void {
  bitmap[bit >>> 3] |= 1 << (bit & 7);
}
