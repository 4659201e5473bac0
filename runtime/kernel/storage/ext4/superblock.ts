// The superblock and what follows from it: geometry, features, checksum seed. Offsets are those of
// struct ext4_super_block. Everything is checked: the image is not trusted.
import { Compat, Incompat, lackedFeatures, RoCompat } from "./features.ts";
import { crc32c } from "./checksum.ts";

export const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_BYTES = 1024;
const MAGIC = 0xef53;

/** The image is not one that can be mounted, and why. */
export class BadImage extends Error {
  override name = "BadImage";
}

export class Superblock {
  readonly view: DataView;
  readonly blockBytes: number;
  readonly blocks: number;
  readonly inodes: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly inodeBytes: number;
  readonly firstInode: number;
  readonly groups: number;
  readonly descriptorBytes: number;
  readonly checksums: boolean;
  /** CRC-16 of group descriptors instead */
  readonly oldChecksums: boolean;
  readonly seed: number;
  readonly journalInode: number;
  readonly compat: number;
  readonly incompat: number;
  readonly roCompat: number;

  /** @param bytes 1024 bytes @throws BadImage */
  constructor(readonly bytes: Uint8Array, imageBytes: number, readOnly: boolean) {
    const view = this.view = new DataView(bytes.buffer, bytes.byteOffset, SUPERBLOCK_BYTES);
    const u32 = (at: number) => view.getUint32(at, true);
    if (view.getUint16(0x38, true) !== MAGIC) {
      throw new BadImage("its disk holds no ext4 file system");
    }
    this.compat = u32(0x5c);
    this.incompat = u32(0x60);
    this.roCompat = u32(0x64);
    const lacked = lackedFeatures(this.incompat, this.roCompat, readOnly);
    if (lacked.length > 0) {
      throw new BadImage(
        `its file system has features that are not supported: ${lacked.join(", ")}`,
      );
    }
    this.checksums = (this.roCompat & RoCompat.METADATA_CSUM) !== 0;
    this.oldChecksums = !this.checksums && (this.roCompat & RoCompat.GDT_CSUM) !== 0;
    if (this.checksums && crc32c(0xffff_ffff, bytes, 0, 0x3fc) !== u32(0x3fc)) {
      throw new BadImage("the checksum of its superblock is wrong");
    }
    const shift = u32(0x18);
    if (shift > 2) {
      throw new BadImage(`blocks of ${2 ** (10 + Math.min(shift, 20))} bytes are not supported`);
    }
    this.blockBytes = 1024 << shift;
    const wide = (this.incompat & Incompat.BIT64) !== 0;
    this.blocks = u32(0x4) + (wide ? u32(0x150) * 2 ** 32 : 0);
    this.inodes = u32(0x0);
    this.firstDataBlock = u32(0x14);
    this.blocksPerGroup = u32(0x20);
    this.inodesPerGroup = u32(0x28);
    this.inodeBytes = u32(0x4c) === 0 ? 128 : view.getUint16(0x58, true);
    this.firstInode = u32(0x4c) === 0 ? 11 : u32(0x54);
    this.descriptorBytes = wide ? view.getUint16(0xfe, true) : 32;
    this.journalInode = (this.compat & Compat.HAS_JOURNAL) !== 0 ? u32(0xe0) : 0;
    const sane = this.blocks > 8 && this.blocks * this.blockBytes <= imageBytes &&
      this.firstDataBlock === (this.blockBytes === 1024 ? 1 : 0) &&
      this.blocksPerGroup > 0 && this.blocksPerGroup <= this.blockBytes * 8 &&
      this.blocksPerGroup % 8 === 0 &&
      this.inodesPerGroup > 0 && this.inodesPerGroup <= this.blockBytes * 8 &&
      this.inodesPerGroup % 8 === 0 &&
      [128, 256, 512, 1024].includes(this.inodeBytes) && this.inodeBytes <= this.blockBytes &&
      [32, 64].includes(this.descriptorBytes);
    if (!sane) throw new BadImage("the geometry in its superblock cannot be");
    this.groups = Math.ceil((this.blocks - this.firstDataBlock) / this.blocksPerGroup);
    if (this.groups * this.inodesPerGroup !== this.inodes) {
      throw new BadImage("its number of inodes does not fit its groups");
    }
    this.seed = (this.incompat & Incompat.CSUM_SEED) !== 0
      ? u32(0x270)
      : crc32c(0xffff_ffff, bytes, 0x68, 0x78);
  }

  get needsRecovery(): boolean {
    return (this.view.getUint32(0x60, true) & Incompat.RECOVER) !== 0;
  }

  set needsRecovery(value: boolean) {
    const bits = this.view.getUint32(0x60, true);
    this.view.setUint32(0x60, value ? bits | Incompat.RECOVER : bits & ~Incompat.RECOVER, true);
  }

  /** first inode of the list of orphans; 0 for none */
  get lastOrphan(): number {
    return this.view.getUint32(0xe8, true);
  }

  set lastOrphan(ino: number) {
    this.view.setUint32(0xe8, ino, true);
  }

  /** @returns whether there were others before */
  setCounts(freeBlocks: number, freeInodes: number): boolean {
    const { view } = this, high = Math.floor(freeBlocks / 2 ** 32);
    const wide = (this.incompat & Incompat.BIT64) !== 0;
    if (
      view.getUint32(0xc, true) === freeBlocks >>> 0 && view.getUint32(0x10, true) === freeInodes &&
      (!wide || view.getUint32(0x158, true) === high)
    ) return false;
    view.setUint32(0xc, freeBlocks >>> 0, true);
    if (wide) view.setUint32(0x158, high, true);
    view.setUint32(0x10, freeInodes, true);
    return true;
  }

  set writeTime(seconds: number) {
    this.view.setUint32(0x30, seconds, true);
  }

  get reservedBlocks(): number {
    return this.view.getUint32(0x8, true);
  }

  get uuid(): Uint8Array {
    return this.bytes.subarray(0x68, 0x78);
  }

  /** Brings the checksum up to date. */
  seal(): void {
    if (this.checksums) this.view.setUint32(0x3fc, crc32c(0xffff_ffff, this.bytes, 0, 0x3fc), true);
  }

  /** Whether a group begins with a copy of the superblock and the descriptors. */
  hasBackup(group: number): boolean {
    if (group <= 1 || (this.roCompat & RoCompat.SPARSE_SUPER) === 0) return true;
    return [3, 5, 7].some((base) => {
      let power = base;
      while (power < group) power *= base;
      return power === group;
    });
  }

  /** blocks of the group descriptor table, and those set aside for its growth */
  get descriptorBlocks(): number {
    return Math.ceil(this.groups * this.descriptorBytes / this.blockBytes);
  }

  get reservedDescriptorBlocks(): number {
    return this.view.getUint16(0xce, true);
  }
}
