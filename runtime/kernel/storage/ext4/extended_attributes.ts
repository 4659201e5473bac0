// The extended attributes of an inode (xattr(7)): in what space its place in the table leaves, and in one block
// beyond that. Changes are part of an operation.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import {
  type Attribute,
  attributeBytes,
  ATTRIBUTES_MAGIC,
  attributesBytes,
  BLOCK_HEADER_BYTES,
  BODY_HEADER_BYTES,
  fillBlock,
  isAttributeBlock,
  readAttributes,
  sealBlock,
  setUsesOfBlock,
  usesOfBlock,
  type Wanted,
  writeAttributes,
} from "./attribute_format.ts";
import type { Buffer } from "./buffer_cache.ts";
import type { Ext4Inode } from "./inode.ts";

const OLD_INODE_BYTES = 128;
/** Offsets in struct ext4_inode: number of the block, and how much of the inode is in use. */
const BLOCK_LOW = 0x68, BLOCK_HIGH = 0x76, EXTRA_SIZE = 0x80;

export class ExtendedAttributes {
  constructor(private readonly inode: Ext4Inode, private readonly view: DataView) {}

  get #bytes(): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset, this.view.byteLength);
  }

  /** Where the area in the inode begins; 0 where there is no room for one. */
  get #bodyStart(): number {
    if (this.view.byteLength <= OLD_INODE_BYTES) return 0;
    const start = OLD_INODE_BYTES + this.view.getUint16(EXTRA_SIZE, true);
    return start + BODY_HEADER_BYTES < this.view.byteLength ? start : 0;
  }

  /** The block that holds what the inode does not; 0 for none. */
  get block(): number {
    return this.view.getUint32(BLOCK_LOW, true) + this.view.getUint16(BLOCK_HIGH, true) * 2 ** 32;
  }

  set #block(block: number) {
    this.view.setUint32(BLOCK_LOW, block >>> 0, true);
    this.view.setUint16(BLOCK_HIGH, Math.floor(block / 2 ** 32), true);
  }

  #inBody(wanted?: Wanted): Attribute[] {
    const start = this.#bodyStart;
    if (start === 0 || this.view.getUint32(start, true) !== ATTRIBUTES_MAGIC) return [];
    const entries = start + BODY_HEADER_BYTES;
    return readAttributes(this.#bytes, entries, entries, wanted);
  }

  *#readBlock(): Coroutine<Buffer> {
    const { filesystem } = this.inode;
    const buffer = yield* filesystem.cache.read(this.block);
    if (buffer.verified) return buffer;
    if (!isAttributeBlock(filesystem.superblock, buffer.bytes, buffer.block)) fail(E.EUCLEAN);
    buffer.verified = true;
    return buffer;
  }

  /** All attributes, or those that are wanted. @throws Errno EUCLEAN, EIO */
  *all(wanted?: Wanted): Coroutine<Attribute[]> {
    const found = this.#inBody(wanted);
    if (this.block === 0) return found;
    const { bytes } = yield* this.#readBlock();
    return found.concat(readAttributes(bytes, BLOCK_HEADER_BYTES, 0, wanted));
  }

  /** Gives an attribute a value, or takes it away. Part of an operation. @throws Errno ENOSPC */
  *set(name: string, value: Uint8Array | undefined): Coroutine<void> {
    const rest = (yield* this.all()).filter((each) => each.name !== name);
    const wanted = value === undefined ? rest : [...rest, { name, value }];
    const start = this.#bodyStart;
    const inBody: Attribute[] = [], inBlock: Attribute[] = [];
    let room = start === 0 ? 0 : this.view.byteLength - start - BODY_HEADER_BYTES;
    room -= attributesBytes([]);
    for (const each of wanted) {
      const bytes = attributeBytes(each);
      if (bytes <= room) {
        room -= bytes;
        inBody.push(each);
      } else inBlock.push(each);
    }
    const { blockBytes } = this.inode.filesystem.superblock;
    if (BLOCK_HEADER_BYTES + attributesBytes(inBlock) > blockBytes) fail(E.ENOSPC);
    if (inBlock.length > 0) yield* this.#writeBlock(inBlock);
    else yield* this.free();
    if (start > 0) this.#writeBody(start, inBody);
    this.inode.touch(false);
  }

  #writeBody(start: number, attributes: Attribute[]): void {
    const entries = start + BODY_HEADER_BYTES;
    writeAttributes(this.#bytes, entries, entries, attributes, false);
    this.view.setUint32(start, attributes.length > 0 ? ATTRIBUTES_MAGIC : 0, true);
  }

  *#writeBlock(attributes: Attribute[]): Coroutine<void> {
    const { filesystem, ino } = this.inode;
    const { cache, groups, superblock, transactions } = filesystem;
    let buffer = this.block === 0 ? undefined : yield* this.#readBlock();
    if (buffer === undefined || usesOfBlock(buffer.view) > 1) {
      // What other inodes use as well stays theirs.
      const { block } = yield* groups.allocate(filesystem.goalOf(ino), 1);
      yield* this.free();
      buffer = cache.fresh(block);
      this.#block = block;
      this.inode.attributes.blocks += superblock.blockBytes / 512;
    }
    fillBlock(buffer.bytes, attributes);
    sealBlock(superblock, buffer.bytes, buffer.block);
    transactions.dirty(buffer);
  }

  /** Lets go of the block. Part of an operation. */
  *free(): Coroutine<void> {
    const { block } = this;
    if (block === 0) return;
    const { groups, superblock, transactions } = this.inode.filesystem;
    const buffer = yield* this.#readBlock();
    const uses = usesOfBlock(buffer.view);
    if (uses > 1) {
      setUsesOfBlock(buffer.view, uses - 1);
      sealBlock(superblock, buffer.bytes, block);
      transactions.dirty(buffer);
    } else {
      transactions.revoke(block);
      yield* groups.free(block, 1);
    }
    this.#block = 0;
    this.inode.attributes.blocks -= superblock.blockBytes / 512;
    this.inode.join();
  }
}
