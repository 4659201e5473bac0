// Descriptors of block groups: where the bitmaps and the table of a group are, what is free in it, checksums.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Buffer, BufferCache } from "./buffer_cache.ts";
import { crc16, crc32c, crc32cWord } from "./checksum.ts";
import type { Superblock } from "./superblock.ts";

/** Byte offsets of an address, or of a number: its low part, and the high one of wide descriptors. */
interface Parts {
  readonly low: number;
  readonly high: number;
}

const BLOCK_BITMAP: Parts = { low: 0, high: 32 };
const INODE_BITMAP: Parts = { low: 4, high: 36 };
const INODE_TABLE: Parts = { low: 8, high: 40 };
const FLAGS = 18, CSUM = 30;

/** Numbers of 16 bits, or of 32 in wide descriptors. */
export const Field = {
  FREE_BLOCKS: { low: 12, high: 44 },
  FREE_INODES: { low: 14, high: 46 },
  DIRECTORIES: { low: 16, high: 48 },
  BLOCK_CSUM: { low: 24, high: 56 },
  INODE_CSUM: { low: 26, high: 58 },
  /** inodes at the end of its table that were never used */
  UNUSED: { low: 28, high: 50 },
} as const;

/** A bitmap was never written. */
export const Flag = { INODE_UNINIT: 1, BLOCK_UNINIT: 2 } as const;

export class GroupDescriptors {
  readonly #all: { buffer: Buffer; at: number }[] = [];
  readonly #wide: boolean;

  constructor(private readonly superblock: Superblock, private readonly cache: BufferCache) {
    this.#wide = superblock.descriptorBytes >= 64;
  }

  /** Reads and checks them. @throws Errno EUCLEAN, EIO */
  *load(): Coroutine<void> {
    const { superblock } = this;
    const perBlock = superblock.blockBytes / superblock.descriptorBytes;
    for (let group = 0; group < superblock.groups; group++) {
      const block = superblock.firstDataBlock + 1 + Math.floor(group / perBlock);
      const buffer = yield* this.cache.read(block);
      if (group % perBlock === 0) buffer.pins++;
      this.#all.push({ buffer, at: (group % perBlock) * superblock.descriptorBytes });
      if (this.#isChecked && this.#checksum(group) !== this.#get16(group, CSUM)) fail(E.EUCLEAN);
      for (
        const block of [this.blockBitmap(group), this.inodeBitmap(group), this.inodeTable(group)]
      ) {
        if (block < superblock.firstDataBlock || block >= superblock.blocks) fail(E.EUCLEAN);
      }
    }
  }

  get #isChecked(): boolean {
    return this.superblock.checksums || this.superblock.oldChecksums;
  }

  /** The block that the descriptor of a group is in. */
  bufferOf(group: number): Buffer {
    return this.#all[group].buffer;
  }

  blockBitmap(group: number): number {
    return this.#address(group, BLOCK_BITMAP);
  }

  inodeBitmap(group: number): number {
    return this.#address(group, INODE_BITMAP);
  }

  inodeTable(group: number): number {
    return this.#address(group, INODE_TABLE);
  }

  #address(group: number, { low, high }: Parts): number {
    const { buffer, at } = this.#all[group];
    return buffer.view.getUint32(at + low, true) +
      (this.#wide ? buffer.view.getUint32(at + high, true) * 2 ** 32 : 0);
  }

  get(group: number, { low, high }: Parts): number {
    return this.#get16(group, low) + (this.#wide ? this.#get16(group, high) * 65536 : 0);
  }

  set(group: number, { low, high }: Parts, value: number): void {
    this.#set16(group, low, value & 0xffff);
    if (this.#wide) this.#set16(group, high, value >>> 16);
  }

  add(group: number, field: Parts, change: number): void {
    this.set(group, field, this.get(group, field) + change);
  }

  /** Whether a bitmap has to be made up; without checksums nobody may rely on that. */
  has(group: number, flag: number): boolean {
    return this.#isChecked && (this.#get16(group, FLAGS) & flag) !== 0;
  }

  clear(group: number, flag: number): void {
    this.#set16(group, FLAGS, this.#get16(group, FLAGS) & ~flag);
  }

  #get16(group: number, offset: number): number {
    const { buffer, at } = this.#all[group];
    return buffer.view.getUint16(at + offset, true);
  }

  #set16(group: number, offset: number, value: number): void {
    const { buffer, at } = this.#all[group];
    buffer.view.setUint16(at + offset, value, true);
  }

  /** What a descriptor has as the checksum of a bitmap. @param bits that count of it */
  checksumOf(bitmap: Buffer, bits: number): number {
    const checksum = crc32c(this.superblock.seed, bitmap.bytes, 0, bits / 8);
    return this.#wide ? checksum : checksum & 0xffff;
  }

  /** Brings the checksum of a descriptor up to date. */
  seal(group: number): void {
    if (this.#isChecked) this.#set16(group, CSUM, this.#checksum(group));
  }

  #checksum(group: number): number {
    const { superblock } = this;
    const { buffer, at } = this.#all[group];
    const bytes = buffer.bytes.slice(at, at + superblock.descriptorBytes);
    if (superblock.checksums) {
      bytes.fill(0, CSUM, CSUM + 2);
      return crc32c(crc32cWord(superblock.seed, group), bytes) & 0xffff;
    }
    const number = Uint8Array.of(group, group >>> 8, group >>> 16, group >>> 24);
    const head = crc16(crc16(crc16(0xffff, superblock.uuid), number), bytes.subarray(0, CSUM));
    return this.#wide ? crc16(head, bytes.subarray(CSUM + 2)) : head;
  }
}
