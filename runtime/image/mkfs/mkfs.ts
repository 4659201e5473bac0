// Makes an ext4 file system: 4 KiB blocks, extents, checksums, a journal, an empty root with lost+found.
// Works on anything that bytes can be written to at a position; what is not written must read as zeros.
import { limits } from "../../../schemas/limits.ts";
import { crc32c, crc32cWord } from "../../kernel/storage/ext4/checksum.ts";
import { Compat, Incompat, RoCompat } from "../../kernel/storage/ext4/features.ts";
import { Directory, sealDirectoryBlock } from "../../kernel/storage/ext4/directory.ts";
import {
  initializeInode,
  InodeFlag,
  inodeSeed,
  sealInode,
} from "../../kernel/storage/ext4/inode_format.ts";
import { BlockType, JOURNAL_MAGIC } from "../../kernel/storage/ext4/journal_format.ts";
import {
  Superblock,
  SUPERBLOCK_BYTES,
  SUPERBLOCK_OFFSET,
} from "../../kernel/storage/ext4/superblock.ts";
import type { Buffer } from "../../kernel/storage/ext4/buffer_cache.ts";

/** Where the file system goes. */
export interface ImageWriter {
  readonly sizeBytes: number;
  write(offsetBytes: number, bytes: Uint8Array): void;
}

export interface Ext4Options {
  /** 16 bytes */
  uuid: Uint8Array;
  /** at most 16 bytes of UTF-8 */
  label: string;
  /** time of creation, seconds since 1970 */
  timeSeconds: number;
  /** one inode for so many bytes */
  bytesPerInode?: number;
}

const BLOCK_BYTES = 4096;
const INODE_BYTES = 256;
const BLOCKS_PER_GROUP = BLOCK_BYTES * 8;
const DESCRIPTOR_BYTES = 32;
const ROOT_INO = 2, JOURNAL_INO = 8, FIRST_INO = 11;
const LOST_FOUND_BLOCKS = 4;
const DEFAULT_BYTES_PER_INODE = 16384;
/** What a last group must have room for beyond its own bookkeeping, to be worth having. */
const MIN_LAST_GROUP_BLOCKS = 64;

/** Journal blocks for a file system of so many blocks. */
function journalBlocks(blocks: number): number {
  if (blocks < 131072) return 1024;
  return blocks < 1048576 ? 4096 : 8192;
}

/** @throws RangeError for an image that is too small */
export function makeExt4(image: ImageWriter, options: Ext4Options): void {
  new Maker(image, options).make();
}

class Maker {
  readonly #blocks: number;
  readonly #groups: number;
  readonly #inodesPerGroup: number;
  readonly #superBytes = new Uint8Array(SUPERBLOCK_BYTES);
  readonly #bitmaps: Uint8Array[] = [];
  #superblock!: Superblock;

  constructor(private readonly image: ImageWriter, private readonly options: Ext4Options) {
    let blocks = Math.floor(image.sizeBytes / BLOCK_BYTES);
    if (image.sizeBytes < limits.imageBytes.min) {
      throw new RangeError(
        `Cannot make a file system in ${image.sizeBytes} bytes: at least ${limits.imageBytes.min} are needed`,
      );
    }
    let groups = Math.ceil(blocks / BLOCKS_PER_GROUP);
    const perGroup = (BLOCKS_PER_GROUP * BLOCK_BYTES) /
      (options.bytesPerInode ?? DEFAULT_BYTES_PER_INODE);
    const wanted = groups === 1
      ? (blocks * BLOCK_BYTES) / (options.bytesPerInode ?? DEFAULT_BYTES_PER_INODE)
      : perGroup;
    const perBlock = BLOCK_BYTES / INODE_BYTES;
    this.#inodesPerGroup = Math.min(
      BLOCKS_PER_GROUP,
      Math.max(2, Math.ceil(wanted / perBlock)) * perBlock,
    );
    const overhead = this.#inodesPerGroup / perBlock + 2 + 1 +
      Math.ceil(groups * DESCRIPTOR_BYTES / BLOCK_BYTES);
    const last = blocks - (groups - 1) * BLOCKS_PER_GROUP;
    if (groups > 1 && last < overhead + MIN_LAST_GROUP_BLOCKS) {
      groups--;
      blocks -= last;
    }
    this.#blocks = blocks;
    this.#groups = groups;
  }

  make(): void {
    this.#writeSuperblockFields();
    const { sizeBytes } = this.image;
    const view = new DataView(this.#superBytes.buffer);
    view.setUint32(0x3fc, crc32c(0xffff_ffff, this.#superBytes, 0, 0x3fc), true);
    this.#superblock = new Superblock(this.#superBytes, sizeBytes, false);
    for (let group = 0; group < this.#groups; group++) this.#bitmaps.push(this.#newBitmap(group));
    const root = this.#take(1),
      lostFound = this.#take(LOST_FOUND_BLOCKS),
      journal = this.#take(journalBlocks(this.#blocks));
    this.#writeDirectories(root, lostFound);
    this.#writeJournal(journal);
    this.#writeInodes(root, lostFound, journal);
    this.#writeGroups();
  }

  #writeSuperblockFields(): void {
    const { options } = this;
    const view = new DataView(this.#superBytes.buffer);
    const u16 = (at: number, value: number) => view.setUint16(at, value, true);
    const u32 = (at: number, value: number) => view.setUint32(at, value, true);
    u32(0x0, this.#groups * this.#inodesPerGroup);
    u32(0x4, this.#blocks);
    u32(0x8, Math.floor(this.#blocks / 20));
    u32(0x18, 2);
    u32(0x1c, 2);
    u32(0x20, BLOCKS_PER_GROUP);
    u32(0x24, BLOCKS_PER_GROUP);
    u32(0x28, this.#inodesPerGroup);
    u32(0x30, options.timeSeconds);
    u16(0x36, 0xffff);
    u16(0x38, 0xef53);
    u16(0x3a, 1);
    u16(0x3c, 1);
    u32(0x40, options.timeSeconds);
    u32(0x4c, 1);
    u32(0x54, FIRST_INO);
    u16(0x58, INODE_BYTES);
    u32(0x5c, Compat.HAS_JOURNAL | Compat.EXT_ATTR | Compat.DIR_INDEX);
    u32(0x60, Incompat.FILETYPE | Incompat.EXTENTS);
    u32(
      0x64,
      RoCompat.SPARSE_SUPER | RoCompat.LARGE_FILE | RoCompat.HUGE_FILE | RoCompat.DIR_NLINK |
        RoCompat.EXTRA_ISIZE | RoCompat.METADATA_CSUM,
    );
    this.#superBytes.set(options.uuid.subarray(0, 16), 0x68);
    this.#superBytes.set(new TextEncoder().encode(options.label).subarray(0, 16), 0x78);
    u32(0xe0, JOURNAL_INO);
    // Hash seed of directory indexes, half-MD4: Linux asks for one when it makes an index.
    this.#superBytes.set(options.uuid.subarray(0, 16), 0xec);
    view.setUint8(0xfc, 1);
    u16(0xfe, 0);
    u32(0x108, options.timeSeconds);
    u16(0x15c, 32);
    u16(0x15e, 32);
    u32(0x160, 1);
    view.setUint8(0x175, 1);
  }

  get #descriptorBlocks(): number {
    return Math.ceil(this.#groups * DESCRIPTOR_BYTES / BLOCK_BYTES);
  }

  get #tableBlocks(): number {
    return this.#inodesPerGroup * INODE_BYTES / BLOCK_BYTES;
  }

  /** Blocks at the start of a group: copies, bitmaps, inode table. */
  #layout(
    group: number,
  ): { first: number; blockBitmap: number; inodeBitmap: number; table: number; data: number } {
    const first = group * BLOCKS_PER_GROUP;
    const blockBitmap = first +
      (this.#superblock.hasBackup(group) ? 1 + this.#descriptorBlocks : 0);
    return {
      first,
      blockBitmap,
      inodeBitmap: blockBitmap + 1,
      table: blockBitmap + 2,
      data: blockBitmap + 2 + this.#tableBlocks,
    };
  }

  #newBitmap(group: number): Uint8Array {
    const bitmap = new Uint8Array(BLOCK_BYTES);
    const { first, data } = this.#layout(group);
    const count = Math.min(BLOCKS_PER_GROUP, this.#blocks - first);
    for (let bit = 0; bit < data - first; bit++) setBit(bitmap, bit);
    for (let bit = count; bit < BLOCKS_PER_GROUP; bit++) setBit(bitmap, bit);
    return bitmap;
  }

  /** Takes blocks of group 0, in a row: it has room for all that a new file system holds. */
  #take(count: number): number {
    const bitmap = this.#bitmaps[0];
    let bit = 0;
    while ((bitmap[bit >>> 3] >>> (bit & 7) & 1) === 1) bit++;
    for (let each = bit; each < bit + count; each++) setBit(bitmap, each);
    return bit;
  }

  #writeBlock(block: number, bytes: Uint8Array): void {
    this.image.write(block * BLOCK_BYTES, bytes);
  }

  #writeDirectories(root: number, lostFound: number): void {
    const block = (): Buffer => {
      const bytes = new Uint8Array(BLOCK_BYTES);
      return {
        block: 0,
        bytes,
        view: new DataView(bytes.buffer),
        transaction: 0,
        pins: 0,
        verified: true,
      };
    };
    const rootBlock = block();
    Directory.initialize(rootBlock, ROOT_INO, ROOT_INO, true);
    rootBlock.view.setUint16(16, 12, true);
    const name = "lost+found";
    rootBlock.view.setUint32(24, FIRST_INO, true);
    rootBlock.view.setUint16(28, BLOCK_BYTES - 24 - 12, true);
    rootBlock.bytes[30] = name.length;
    rootBlock.bytes[31] = 2;
    for (let index = 0; index < name.length; index++) {
      rootBlock.bytes[32 + index] = name.charCodeAt(index);
    }
    sealDirectoryBlock(rootBlock, inodeSeed(this.#superblock, ROOT_INO, 0));
    this.#writeBlock(root, rootBlock.bytes);
    for (let index = 0; index < LOST_FOUND_BLOCKS; index++) {
      const each = block();
      Directory.initialize(each, FIRST_INO, ROOT_INO, true);
      if (index > 0) {
        each.bytes.fill(0, 0, 24);
        each.view.setUint16(4, BLOCK_BYTES - 12, true);
      }
      sealDirectoryBlock(each, inodeSeed(this.#superblock, FIRST_INO, 0));
      this.#writeBlock(lostFound + index, each.bytes);
    }
  }

  #writeJournal(first: number): void {
    const view = new DataView(new ArrayBuffer(BLOCK_BYTES));
    view.setUint32(0, JOURNAL_MAGIC);
    view.setUint32(4, BlockType.SUPERBLOCK_V2);
    view.setUint32(0xc, BLOCK_BYTES);
    view.setUint32(0x10, journalBlocks(this.#blocks));
    view.setUint32(0x14, 1);
    view.setUint32(0x18, 1);
    new Uint8Array(view.buffer).set(this.options.uuid.subarray(0, 16), 0x30);
    view.setUint32(0x40, 1);
    this.#writeBlock(first, new Uint8Array(view.buffer));
  }

  #writeInodes(root: number, lostFound: number, journal: number): void {
    const { table } = this.#layout(0);
    const blocks = new Uint8Array(Math.ceil(FIRST_INO * INODE_BYTES / BLOCK_BYTES) * BLOCK_BYTES);
    const write = (ino: number, mode: number, links: number, first: number, count: number) => {
      const bytes = blocks.subarray((ino - 1) * INODE_BYTES, ino * INODE_BYTES);
      const view = new DataView(bytes.buffer, bytes.byteOffset, INODE_BYTES);
      initializeInode(view, 0);
      view.setUint16(0, mode, true);
      view.setUint32(4, count * BLOCK_BYTES, true);
      for (const at of [0x8, 0xc, 0x10, 0x90]) view.setUint32(at, this.options.timeSeconds, true);
      view.setUint16(0x1a, links, true);
      view.setUint32(0x1c, count * BLOCK_BYTES / 512, true);
      view.setUint32(0x20, InodeFlag.EXTENTS, true);
      // The extent tree: a header and one extent.
      view.setUint16(40, 0xf30a, true);
      view.setUint16(42, 1, true);
      view.setUint16(44, 4, true);
      view.setUint16(52 + 4, count, true);
      view.setUint32(52 + 8, first, true);
      sealInode(this.#superblock, bytes, ino);
    };
    for (let ino = 1; ino < FIRST_INO; ino++) {
      const bytes = blocks.subarray((ino - 1) * INODE_BYTES, ino * INODE_BYTES);
      sealInode(this.#superblock, bytes, ino);
    }
    write(ROOT_INO, 0o040755, 3, root, 1);
    write(JOURNAL_INO, 0o100600, 1, journal, journalBlocks(this.#blocks));
    write(FIRST_INO, 0o040700, 2, lostFound, LOST_FOUND_BLOCKS);
    this.image.write(table * BLOCK_BYTES, blocks);
  }

  #writeGroups(): void {
    const descriptors = new Uint8Array(this.#descriptorBlocks * BLOCK_BYTES);
    let freeBlocks = 0, freeInodes = 0;
    for (let group = 0; group < this.#groups; group++) {
      const { blockBitmap, inodeBitmap, table } = this.#layout(group);
      const bitmap = this.#bitmaps[group];
      const free = BLOCKS_PER_GROUP - countBits(bitmap);
      const inodes = new Uint8Array(BLOCK_BYTES);
      const used = group === 0 ? FIRST_INO : 0;
      for (let bit = 0; bit < used; bit++) setBit(inodes, bit);
      for (let bit = this.#inodesPerGroup; bit < BLOCK_BYTES * 8; bit++) setBit(inodes, bit);
      const at = group * DESCRIPTOR_BYTES;
      const view = new DataView(descriptors.buffer, at, DESCRIPTOR_BYTES);
      view.setUint32(0, blockBitmap, true);
      view.setUint32(4, inodeBitmap, true);
      view.setUint32(8, table, true);
      view.setUint16(12, free, true);
      view.setUint16(14, this.#inodesPerGroup - used, true);
      view.setUint16(16, group === 0 ? 2 : 0, true);
      const zeroed = 4;
      view.setUint16(18, zeroed, true);
      const { seed } = this.#superblock;
      view.setUint16(24, crc32c(seed, bitmap) & 0xffff, true);
      view.setUint16(26, crc32c(seed, inodes, 0, this.#inodesPerGroup / 8) & 0xffff, true);
      view.setUint16(28, this.#inodesPerGroup - used, true);
      view.setUint16(
        30,
        crc32c(crc32cWord(seed, group), descriptors.slice(at, at + DESCRIPTOR_BYTES)) & 0xffff,
        true,
      );
      freeBlocks += free;
      freeInodes += this.#inodesPerGroup - used;
      this.#writeBlock(blockBitmap, bitmap);
      this.#writeBlock(inodeBitmap, inodes);
    }
    this.#superblock.setCounts(freeBlocks, freeInodes);
    for (let group = 0; group < this.#groups; group++) {
      if (!this.#superblock.hasBackup(group)) continue;
      const first = group * BLOCKS_PER_GROUP;
      new DataView(this.#superBytes.buffer).setUint16(0x5a, group, true);
      this.#superblock.seal();
      this.image.write(
        first * BLOCK_BYTES + (group === 0 ? SUPERBLOCK_OFFSET : 0),
        this.#superBytes,
      );
      this.image.write((first + 1) * BLOCK_BYTES, descriptors);
    }
  }
}

function setBit(bitmap: Uint8Array, bit: number): void {
  bitmap[bit >>> 3] |= 1 << (bit & 7);
}

function countBits(bitmap: Uint8Array): number {
  let count = 0;
  for (let byte of bitmap) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
}
