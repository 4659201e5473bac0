// An inode on the disk: offsets of struct ext4_inode, times with nanoseconds and 34-bit seconds, and
// its checksum.
import { type Attributes, S } from "../../vfs/filesystem.ts";
import { crc32c, crc32cWord } from "./checksum.ts";
import type { Superblock } from "./superblock.ts";

export const InodeFlag = {
  IMMUTABLE: 0x10,
  APPEND: 0x20,
  INDEX: 0x1000,
  HUGE_FILE: 0x40000,
  EXTENTS: 0x80000,
  INLINE_DATA: 0x1000_0000,
} as const;
export const BLOCK_OFFSET = 40;
export const BLOCK_AREA_BYTES = 60;
const EXTRA_BYTES = 32;
const BILLION = 1_000_000_000n;

/** Seed of everything that is checksummed with an inode. */
export function inodeSeed(superblock: Superblock, ino: number, generation: number): number {
  return crc32cWord(crc32cWord(superblock.seed, ino), generation);
}

/** Of an inode, in whose bytes the checksum becomes zero. */
function checksum(superblock: Superblock, view: DataView, bytes: Uint8Array, ino: number): number {
  view.setUint16(0x7c, 0);
  if (hasHighChecksum(bytes)) view.setUint16(0x82, 0);
  return crc32c(inodeSeed(superblock, ino, view.getUint32(0x64, true)), bytes);
}

function hasHighChecksum(bytes: Uint8Array): boolean {
  return bytes.length > 128 && (bytes[0x80] | bytes[0x81] << 8) >= 4;
}

/** Whether an inode's checksum is right; bytes are the whole inode. */
export function inodeChecksumIsRight(
  superblock: Superblock,
  bytes: Uint8Array,
  ino: number,
): boolean {
  if (!superblock.checksums) return true;
  const copy = bytes.slice(), view = new DataView(copy.buffer);
  const wide = hasHighChecksum(bytes);
  const stored = view.getUint16(0x7c, true) + (wide ? view.getUint16(0x82, true) * 65536 : 0);
  const right = checksum(superblock, view, copy, ino);
  return stored === (wide ? right : right & 0xffff);
}

export function sealInode(superblock: Superblock, bytes: Uint8Array, ino: number): void {
  if (!superblock.checksums) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const right = checksum(superblock, view, bytes, ino);
  view.setUint16(0x7c, right & 0xffff, true);
  if (hasHighChecksum(bytes)) view.setUint16(0x82, right >>> 16, true);
}

function readTime(view: DataView, low: number, extra: number): bigint {
  const seconds = BigInt(view.getInt32(low, true));
  if (extra + 4 > view.byteLength || view.getUint16(0x80, true) + 128 < extra + 4) {
    return seconds * BILLION;
  }
  const word = view.getUint32(extra, true);
  return (seconds + (BigInt(word & 3) << 32n)) * BILLION + BigInt(word >>> 2);
}

function writeTime(view: DataView, low: number, extra: number, ns: bigint): void {
  const nanoseconds = ((ns % BILLION) + BILLION) % BILLION;
  const seconds = (ns - nanoseconds) / BILLION;
  view.setInt32(low, Number(BigInt.asIntN(32, seconds)), true);
  if (extra + 4 > view.byteLength || view.getUint16(0x80, true) + 128 < extra + 4) return;
  const epoch = (seconds - BigInt.asIntN(32, seconds)) >> 32n & 3n;
  view.setUint32(extra, Number(nanoseconds) * 4 + Number(epoch), true);
}

/** The attributes of an inode; `blocks` in units of 512 bytes. */
export function readAttributes(view: DataView, superblock: Superblock): Attributes {
  const mode = view.getUint16(0, true);
  const isDevice = (mode & S.IFMT) === S.IFCHR || (mode & S.IFMT) === S.IFBLK;
  const blocks = view.getUint32(0x1c, true) + view.getUint16(0x74, true) * 2 ** 32;
  const huge = (view.getUint32(0x20, true) & InodeFlag.HUGE_FILE) !== 0;
  return {
    mode,
    uid: view.getUint16(2, true) | view.getUint16(0x78, true) << 16,
    gid: view.getUint16(0x18, true) | view.getUint16(0x7a, true) << 16,
    sizeBytes: view.getUint32(4, true) + view.getUint32(0x6c, true) * 2 ** 32,
    links: view.getUint16(0x1a, true),
    blocks: huge ? blocks * superblock.blockBytes / 512 : blocks,
    blockBytes: superblock.blockBytes,
    rdev: isDevice ? readDevice(view) : 0,
    atimeNs: readTime(view, 0x8, 0x8c),
    ctimeNs: readTime(view, 0xc, 0x84),
    mtimeNs: readTime(view, 0x10, 0x88),
    btimeNs: view.byteLength > 128 ? readTime(view, 0x90, 0x94) : 0n,
  };
}

/** Device numbers: the old form in the first word, the new one in the second. */
function readDevice(view: DataView): number {
  const old = view.getUint32(BLOCK_OFFSET, true);
  return old !== 0 ? old & 0xffff : view.getUint32(BLOCK_OFFSET + 4, true);
}

/** Writes attributes and flags; the block area is the caller's. */
export function writeAttributes(view: DataView, attributes: Attributes, flags: number): void {
  view.setUint16(0, attributes.mode, true);
  view.setUint16(2, attributes.uid, true);
  view.setUint16(0x78, attributes.uid >>> 16, true);
  view.setUint16(0x18, attributes.gid, true);
  view.setUint16(0x7a, attributes.gid >>> 16, true);
  view.setUint32(4, attributes.sizeBytes >>> 0, true);
  view.setUint32(0x6c, Math.floor(attributes.sizeBytes / 2 ** 32), true);
  view.setUint16(0x1a, attributes.links, true);
  view.setUint32(0x1c, attributes.blocks >>> 0, true);
  view.setUint16(0x74, Math.floor(attributes.blocks / 2 ** 32), true);
  view.setUint32(0x20, flags & ~InodeFlag.HUGE_FILE, true);
  writeTime(view, 0x8, 0x8c, attributes.atimeNs);
  writeTime(view, 0xc, 0x84, attributes.ctimeNs);
  writeTime(view, 0x10, 0x88, attributes.mtimeNs);
  if (view.byteLength > 128) writeTime(view, 0x90, 0x94, attributes.btimeNs);
}

/** Lays out a new inode. */
export function initializeInode(view: DataView, generation: number): void {
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(0);
  view.setUint32(0x64, generation, true);
  if (view.byteLength > 128) {
    view.setUint16(0x80, Math.min(EXTRA_BYTES, view.byteLength - 128), true);
  }
}
