// The on-disk format of jbd2 (big-endian): superblock, descriptor, commit and revoke blocks.
import { crc32c } from "./checksum.ts";

export const JOURNAL_MAGIC = 0xc03b3998;
export const BlockType = {
  DESCRIPTOR: 1,
  COMMIT: 2,
  SUPERBLOCK_V1: 3,
  SUPERBLOCK_V2: 4,
  REVOKE: 5,
} as const;
export const JournalFeature = {
  REVOKE: 1,
  BIT64: 2,
  ASYNC_COMMIT: 4,
  CSUM_V2: 8,
  CSUM_V3: 16,
  FAST_COMMIT: 32,
} as const;
export const TagFlag = { ESCAPE: 1, SAME_UUID: 2, DELETED: 4, LAST: 8 } as const;
export const HEADER_BYTES = 12;
export const CRC32C_TYPE = 4;
const UUID_BYTES = 16;

/** What a journal's superblock says, as far as it matters here. */
export interface JournalGeometry {
  blockBytes: number;
  features: number;
  uuid: Uint8Array;
}

/** A block of the journal, by where it belongs at home. */
export interface Tag {
  block: number;
  flags: number;
  checksum: number;
}

export class JournalFormat {
  readonly checksums: boolean;
  readonly seed: number;
  readonly tagBytes: number;
  constructor(readonly geometry: JournalGeometry) {
    const { features } = geometry;
    this.checksums = (features & (JournalFeature.CSUM_V2 | JournalFeature.CSUM_V3)) !== 0;
    this.seed = crc32c(0xffff_ffff, geometry.uuid);
    this.tagBytes = this.#v3 ? 16 : (features & JournalFeature.BIT64) !== 0 ? 12 : 8;
  }

  get #v3(): boolean {
    return (this.geometry.features & JournalFeature.CSUM_V3) !== 0;
  }

  get #tailBytes(): number {
    return this.checksums ? 4 : 0;
  }

  /** data blocks that one descriptor can name */
  get tagsPerDescriptor(): number {
    return Math.floor(
      (this.geometry.blockBytes - HEADER_BYTES - UUID_BYTES - this.#tailBytes) / this.tagBytes,
    );
  }

  /** blocks that one revoke block can name */
  get revokesPerBlock(): number {
    return Math.floor((this.geometry.blockBytes - 16 - this.#tailBytes) / this.#revokeBytes);
  }

  get #revokeBytes(): number {
    return (this.geometry.features & JournalFeature.BIT64) !== 0 ? 8 : 4;
  }

  #block(type: number, sequence: number): DataView {
    const view = new DataView(new ArrayBuffer(this.geometry.blockBytes));
    view.setUint32(0, JOURNAL_MAGIC);
    view.setUint32(4, type);
    view.setUint32(8, sequence);
    return view;
  }

  #seal(view: DataView, at: number): Uint8Array {
    const bytes = new Uint8Array(view.buffer);
    if (this.checksums) view.setUint32(at, crc32c(this.seed, bytes));
    return bytes;
  }

  /** Checksum of a data block in a transaction. */
  dataChecksum(sequence: number, bytes: Uint8Array): number {
    const number = Uint8Array.of(sequence >>> 24, sequence >>> 16, sequence >>> 8, sequence);
    return crc32c(crc32c(this.seed, number), bytes);
  }

  descriptor(sequence: number, tags: Tag[]): Uint8Array {
    const view = this.#block(BlockType.DESCRIPTOR, sequence);
    let at = HEADER_BYTES;
    tags.forEach((tag, index) => {
      const flags = tag.flags | (index > 0 ? TagFlag.SAME_UUID : 0) |
        (index === tags.length - 1 ? TagFlag.LAST : 0);
      view.setUint32(at, tag.block >>> 0);
      if (this.#v3) {
        view.setUint32(at + 4, flags);
        view.setUint32(at + 8, Math.floor(tag.block / 2 ** 32));
        view.setUint32(at + 12, tag.checksum);
      } else {
        view.setUint16(at + 4, tag.checksum & 0xffff);
        view.setUint16(at + 6, flags);
        if (this.tagBytes === 12) view.setUint32(at + 8, Math.floor(tag.block / 2 ** 32));
      }
      at += this.tagBytes;
      if (index === 0) at += UUID_BYTES;
    });
    return this.#seal(view, this.geometry.blockBytes - 4);
  }

  revoke(sequence: number, blocks: number[]): Uint8Array {
    const view = this.#block(BlockType.REVOKE, sequence);
    let at = 16;
    for (const block of blocks) {
      if (this.#revokeBytes === 8) view.setUint32(at, Math.floor(block / 2 ** 32));
      view.setUint32(at + this.#revokeBytes - 4, block >>> 0);
      at += this.#revokeBytes;
    }
    view.setUint32(12, at);
    return this.#seal(view, this.geometry.blockBytes - 4);
  }

  commit(sequence: number, seconds: number): Uint8Array {
    const view = this.#block(BlockType.COMMIT, sequence);
    view.setUint32(52, seconds);
    return this.#seal(view, 16);
  }

  /** Type and sequence of a block that has a header; undefined for any other. */
  header(view: DataView): { type: number; sequence: number } | undefined {
    if (view.getUint32(0) !== JOURNAL_MAGIC) return undefined;
    return { type: view.getUint32(4), sequence: view.getUint32(8) };
  }

  /** Whether the checksum in a block (at `at`) is right. */
  sealed(view: DataView, at: number): boolean {
    if (!this.checksums) return true;
    const stored = view.getUint32(at);
    const copy = new Uint8Array(view.buffer, view.byteOffset, this.geometry.blockBytes).slice();
    copy.fill(0, at, at + 4);
    return crc32c(this.seed, copy) === stored;
  }

  tags(view: DataView): Tag[] {
    const tags: Tag[] = [];
    const end = this.geometry.blockBytes - this.#tailBytes;
    for (let at = HEADER_BYTES; at + this.tagBytes <= end;) {
      const flags = this.#v3 ? view.getUint32(at + 4) : view.getUint16(at + 6);
      const high = this.#v3 || this.tagBytes === 12 ? view.getUint32(at + 8) : 0;
      const checksum = this.#v3 ? view.getUint32(at + 12) : view.getUint16(at + 4);
      tags.push({ block: view.getUint32(at) + high * 2 ** 32, flags, checksum });
      at += this.tagBytes + ((flags & TagFlag.SAME_UUID) === 0 ? UUID_BYTES : 0);
      if ((flags & TagFlag.LAST) !== 0) break;
    }
    return tags;
  }

  tagMatches(tag: Tag, sequence: number, bytes: Uint8Array): boolean {
    if (!this.checksums) return true;
    const checksum = this.dataChecksum(sequence, bytes);
    return this.#v3 ? checksum === tag.checksum : (checksum & 0xffff) === tag.checksum;
  }

  revoked(view: DataView): number[] {
    const end = Math.min(view.getUint32(12), this.geometry.blockBytes - this.#tailBytes);
    const blocks: number[] = [];
    for (let at = 16; at + this.#revokeBytes <= end; at += this.#revokeBytes) {
      const high = this.#revokeBytes === 8 ? view.getUint32(at) : 0;
      blocks.push(high * 2 ** 32 + view.getUint32(at + this.#revokeBytes - 4));
    }
    return blocks;
  }
}
