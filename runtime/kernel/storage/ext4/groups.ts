// Block groups: bitmaps, and the allocation of blocks and inodes. Freed blocks are not
// given out again before the transaction that freed them is durable: until then a crash brings their
// old owner back.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Buffer, BufferCache } from "./buffer_cache.ts";
import { Field, Flag, GroupDescriptors } from "./group_descriptors.ts";
import type { Superblock } from "./superblock.ts";
import type { Transactions } from "./transactions.ts";

export class Groups {
  transactions!: Transactions;
  freeBlocks = 0;
  freeInodes = 0;
  /** freed by a transaction that is not durable */
  readonly #held = new Set<number>();
  readonly #descriptors: GroupDescriptors;
  readonly #changed = new Set<number>();

  constructor(private readonly superblock: Superblock, private readonly cache: BufferCache) {
    this.#descriptors = new GroupDescriptors(superblock, cache);
  }

  /** Reads and checks the descriptors. @throws Errno EUCLEAN, EIO */
  *load(): Coroutine<void> {
    yield* this.#descriptors.load();
    for (let group = 0; group < this.superblock.groups; group++) {
      this.freeBlocks += this.#descriptors.get(group, Field.FREE_BLOCKS);
      this.freeInodes += this.#descriptors.get(group, Field.FREE_INODES);
    }
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
    const block = this.#descriptors.blockBitmap(group);
    if (!this.#descriptors.has(group, Flag.BLOCK_UNINIT)) {
      const buffer = yield* this.cache.read(block);
      if (!buffer.verified) {
        if (
          this.superblock.checksums &&
          this.#descriptors.checksumOf(buffer, this.superblock.blocksPerGroup) !==
            this.#descriptors.get(group, Field.BLOCK_CSUM)
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
      mark(this.#descriptors.blockBitmap(other), 1);
      mark(this.#descriptors.inodeBitmap(other), 1);
      mark(this.#descriptors.inodeTable(other), tableBlocks);
    }
    for (let bit = count; bit < superblock.blockBytes * 8; bit++) setBit(buffer.bytes, bit);
    this.#descriptors.clear(group, Flag.BLOCK_UNINIT);
    this.#change(group, buffer);
    return buffer;
  }

  *#readInodeBitmap(group: number): Coroutine<Buffer> {
    const block = this.#descriptors.inodeBitmap(group);
    if (!this.#descriptors.has(group, Flag.INODE_UNINIT)) {
      const buffer = yield* this.cache.read(block);
      if (!buffer.verified) {
        if (
          this.superblock.checksums &&
          this.#descriptors.checksumOf(buffer, this.superblock.inodesPerGroup) !==
            this.#descriptors.get(group, Field.INODE_CSUM)
        ) fail(E.EUCLEAN);
        buffer.verified = true;
      }
      return buffer;
    }
    const buffer = this.cache.fresh(block);
    for (let bit = this.superblock.inodesPerGroup; bit < this.superblock.blockBytes * 8; bit++) {
      setBit(buffer.bytes, bit);
    }
    this.#descriptors.clear(group, Flag.INODE_UNINIT);
    this.#change(group, buffer);
    return buffer;
  }

  /** A bitmap of a group, and so its descriptor, is changed by the present operation. */
  #change(group: number, bitmap: Buffer): void {
    this.transactions.dirty(bitmap);
    this.transactions.dirty(this.#descriptors.bufferOf(group));
    this.#changed.add(group);
  }

  /** Brings the checksums of changed groups up to date: before copies are taken. */
  seal(): void {
    const { superblock } = this, descriptors = this.#descriptors;
    for (const group of this.#changed) {
      if (superblock.checksums) {
        for (
          const [block, bits, field] of [
            [descriptors.blockBitmap(group), superblock.blocksPerGroup, Field.BLOCK_CSUM],
            [descriptors.inodeBitmap(group), superblock.inodesPerGroup, Field.INODE_CSUM],
          ] as const
        ) {
          const buffer = this.cache.peek(block);
          if (buffer === undefined || buffer.transaction === 0) continue;
          descriptors.set(group, field, descriptors.checksumOf(buffer, bits));
        }
      }
      descriptors.seal(group);
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
      if (this.#descriptors.get(group, Field.FREE_BLOCKS) === 0) continue;
      const bitmap = yield* this.#readBlockBitmap(group);
      const extent = this.#extent(group);
      const from = step === 0 ? goal - extent.first : 0;
      const found = this.#findRun(bitmap.bytes, extent, from, count) ??
        (from > 0 ? this.#findRun(bitmap.bytes, extent, 0, count) : undefined);
      if (found === undefined) continue;
      for (let bit = found.bit; bit < found.bit + found.count; bit++) setBit(bitmap.bytes, bit);
      this.#descriptors.add(group, Field.FREE_BLOCKS, -found.count);
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
      this.#descriptors.add(group, Field.FREE_BLOCKS, part);
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
          this.#descriptors.get(group, Field.FREE_INODES),
          this.#descriptors.get(group, Field.FREE_BLOCKS),
        );
        if (free > best) [best, home] = [free, group];
      }
    }
    for (let step = 0; step < superblock.groups; step++) {
      const group = (home + step) % superblock.groups;
      if (this.#descriptors.get(group, Field.FREE_INODES) === 0) continue;
      const bitmap = yield* this.#readInodeBitmap(group);
      const firstBit = group === 0 ? superblock.firstInode - 1 : 0;
      for (let bit = firstBit; bit < superblock.inodesPerGroup; bit++) {
        if ((bitmap.bytes[bit >>> 3] >>> (bit & 7) & 1) === 1) continue;
        setBit(bitmap.bytes, bit);
        this.#descriptors.add(group, Field.FREE_INODES, -1);
        if (directory) {
          this.#descriptors.add(group, Field.DIRECTORIES, 1);
        }
        const unused = Math.min(
          this.#descriptors.get(group, Field.UNUSED),
          superblock.inodesPerGroup - bit - 1,
        );
        this.#descriptors.set(group, Field.UNUSED, unused);
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
    this.#descriptors.add(group, Field.FREE_INODES, 1);
    if (directory) {
      this.#descriptors.add(group, Field.DIRECTORIES, -1);
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
      block: this.#descriptors.inodeTable(group) + Math.floor(byte / superblock.blockBytes),
      offset: byte % superblock.blockBytes,
    };
  }
}

function setBit(bitmap: Uint8Array, bit: number): void {
  bitmap[bit >>> 3] |= 1 << (bit & 7);
}
