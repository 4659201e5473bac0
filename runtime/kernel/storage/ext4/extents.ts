// The blocks of a file: its extent tree, held as one sorted list and written back as a tree of packed
// leaves. Only leaves whose contents changed are written. Files with block maps can be read.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Buffer, BufferCache } from "./buffer_cache.ts";
import { crc32c } from "./checksum.ts";
import type { Groups } from "./groups.ts";
import type { Transactions } from "./transactions.ts";

/** A run of blocks. Unwritten ones are reserved and read as zeros. */
export interface Extent {
  logical: number;
  count: number;
  physical: number;
  unwritten: boolean;
}

const MAGIC = 0xf30a;
const HEADER_BYTES = 12;
const ENTRY_BYTES = 12;
const ROOT_ENTRIES = 4;
const MAX_DEPTH = 5;
const MAX_INITIALIZED = 32768;
export const MAX_UNWRITTEN = 32767;
/** Logical blocks are 32-bit numbers. */
export const MAX_BLOCKS = 2 ** 32 - 1;

/** What an extent list needs of its file system. */
export interface ExtentContext {
  cache: BufferCache;
  groups: Groups;
  transactions: Transactions;
  blocks: number;
  /** checksum seed of the inode; undefined without checksums */
  seed: number | undefined;
}

export class ExtentList {
  extents: Extent[] = [];
  /** blocks of the tree beyond the root: leaves in order, then index blocks */
  #leaves: { block: number; key: string }[] = [];
  #indexes: number[] = [];

  constructor(private readonly context: ExtentContext) {}

  /** tree blocks, which count as the file's */
  get treeBlocks(): number {
    return this.#leaves.length + this.#indexes.length;
  }

  /** Reads the tree from the 60 bytes of `i_block`. @throws Errno EUCLEAN, EIO */
  *load(root: DataView): Coroutine<void> {
    yield* this.#loadNode(root, MAX_DEPTH + 1, ROOT_ENTRIES);
    let end = 0;
    for (const { logical, count, physical } of this.extents) {
      if (
        logical < end || count === 0 || physical + count > this.context.blocks || physical === 0
      ) fail(E.EUCLEAN);
      end = logical + count;
    }
  }

  *#loadNode(view: DataView, above: number, most: number): Coroutine<void> {
    const entries = view.getUint16(2, true), depth = view.getUint16(6, true);
    if (
      view.getUint16(0, true) !== MAGIC || entries > most || depth >= above || depth > MAX_DEPTH
    ) fail(E.EUCLEAN);
    for (let index = 0; index < entries; index++) {
      const at = HEADER_BYTES + index * ENTRY_BYTES;
      if (depth === 0) {
        const length = view.getUint16(at + 4, true);
        const unwritten = length > MAX_INITIALIZED;
        this.extents.push({
          logical: view.getUint32(at, true),
          count: unwritten ? length - MAX_INITIALIZED : length,
          physical: view.getUint16(at + 6, true) * 2 ** 32 + view.getUint32(at + 8, true),
          unwritten,
        });
        continue;
      }
      const block = view.getUint32(at + 4, true) + view.getUint16(at + 8, true) * 2 ** 32;
      const buffer = yield* this.context.cache.read(block);
      this.#verify(buffer);
      if (depth === 1) this.#leaves.push({ block, key: "" });
      else this.#indexes.push(block);
      yield* this.#loadNode(buffer.view, depth, this.#nodeEntries);
    }
  }

  get #nodeEntries(): number {
    return Math.floor((this.context.cache.blockBytes - HEADER_BYTES) / ENTRY_BYTES);
  }

  get #tailOffset(): number {
    return HEADER_BYTES + this.#nodeEntries * ENTRY_BYTES;
  }

  #verify(buffer: Buffer): void {
    const { seed } = this.context;
    if (buffer.verified || seed === undefined) return;
    if (
      crc32c(seed, buffer.bytes, 0, this.#tailOffset) !==
        buffer.view.getUint32(this.#tailOffset, true)
    ) fail(E.EUCLEAN);
    buffer.verified = true;
  }

  /** Index of the extent that holds a block, or of the first one after it. */
  #find(logical: number): number {
    const { extents } = this;
    let low = 0, high = extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (extents[middle].logical + extents[middle].count <= logical) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * What a logical block is.
   * @returns its physical block (-1 for a hole), whether it is unwritten, and how many blocks from it
   * on are of the same kind and in a row
   */
  lookup(logical: number): { physical: number; unwritten: boolean; count: number } {
    const extent = this.extents[this.#find(logical)];
    if (extent === undefined) return { physical: -1, unwritten: false, count: Infinity };
    if (extent.logical > logical) {
      return { physical: -1, unwritten: false, count: extent.logical - logical };
    }
    const within = logical - extent.logical;
    return {
      physical: extent.physical + within,
      unwritten: extent.unwritten,
      count: extent.count - within,
    };
  }

  /** Where to look for new blocks for a logical block: behind those before it. */
  goal(logical: number): number {
    const before = this.extents[this.#find(logical) - 1];
    return before === undefined ? -1 : before.physical + (logical - before.logical);
  }

  /** Enters a run where there was a hole. */
  insert(run: Extent): void {
    const at = this.#find(run.logical);
    this.extents.splice(at, 0, { ...run });
    this.#merge(at);
    this.#merge(at - 1);
  }

  #merge(at: number): void {
    const first = this.extents[at], second = this.extents[at + 1];
    if (first === undefined || second === undefined) return;
    const most = first.unwritten ? MAX_UNWRITTEN : MAX_INITIALIZED;
    const adjacent = first.logical + first.count === second.logical &&
      first.physical + first.count === second.physical;
    if (!adjacent || first.unwritten !== second.unwritten || first.count + second.count > most) {
      return;
    }
    first.count += second.count;
    this.extents.splice(at + 1, 1);
  }

  /** Cuts a range out. @returns the physical runs that were in it */
  remove(logical: number, beyond: number): { physical: number; count: number }[] {
    const removed: { physical: number; count: number }[] = [];
    const kept: Extent[] = [];
    let at = this.#find(logical);
    const start = at;
    for (; at < this.extents.length && this.extents[at].logical < beyond; at++) {
      const extent = this.extents[at];
      const from = Math.max(extent.logical, logical),
        to = Math.min(extent.logical + extent.count, beyond);
      removed.push({ physical: extent.physical + from - extent.logical, count: to - from });
      if (extent.logical < from) kept.push({ ...extent, count: from - extent.logical });
      if (extent.logical + extent.count > to) {
        kept.push({
          ...extent,
          logical: to,
          count: extent.logical + extent.count - to,
          physical: extent.physical + to - extent.logical,
        });
      }
    }
    this.extents.splice(start, at - start, ...kept);
    return removed;
  }

  /** Makes unwritten blocks of a range written. */
  markWritten(logical: number, beyond: number): void {
    for (let block = logical; block < beyond;) {
      const { physical, unwritten, count } = this.lookup(block);
      const length = Math.min(count, beyond - block);
      if (physical >= 0 && unwritten) {
        this.remove(block, block + length);
        this.insert({ logical: block, count: length, physical, unwritten: false });
      }
      block += length;
    }
  }

  /** Writes the tree: the root into `root`, the rest into blocks of its own. @throws Errno ENOSPC */
  *store(root: Uint8Array): Coroutine<void> {
    const view = new DataView(root.buffer, root.byteOffset, 60);
    const { extents } = this;
    root.fill(0, 0, 60);
    if (extents.length <= ROOT_ENTRIES) {
      yield* this.#resize(this.#leaves, 0);
      yield* this.#resizeIndexes(0);
      writeHeader(view, extents.length, ROOT_ENTRIES, 0);
      extents.forEach((extent, index) => writeExtent(view, index, extent));
      return;
    }
    const perNode = this.#nodeEntries;
    yield* this.#resize(this.#leaves, Math.ceil(extents.length / perNode));
    const firsts: number[] = [];
    for (let leaf = 0; leaf < this.#leaves.length; leaf++) {
      const part = extents.slice(leaf * perNode, (leaf + 1) * perNode);
      firsts.push(part[0].logical);
      const last = part[part.length - 1];
      // What identifies the contents well enough to see that a leaf has not changed is its sum.
      let sum = part.length;
      for (const extent of part) {
        sum = Math.imul(sum, 31) + extent.logical + Math.imul(extent.count, 7) +
            Math.imul(extent.physical, 13) + (extent.unwritten ? 5 : 0) | 0;
      }
      const key = `${part[0].logical}:${last.logical + last.count}:${sum}`;
      if (this.#leaves[leaf].key === key) continue;
      this.#leaves[leaf].key = key;
      this.#writeNode(
        this.#leaves[leaf].block,
        0,
        part.length,
        (node, index) => writeExtent(node, index, part[index]),
      );
    }
    const leaves = this.#leaves.map(({ block }, index) => ({ logical: firsts[index], block }));
    if (leaves.length <= ROOT_ENTRIES) {
      yield* this.#resizeIndexes(0);
      writeHeader(view, leaves.length, ROOT_ENTRIES, 1);
      leaves.forEach((leaf, index) => writeIndex(view, index, leaf));
      return;
    }
    yield* this.#resizeIndexes(Math.ceil(leaves.length / perNode));
    if (this.#indexes.length > ROOT_ENTRIES) fail(E.EFBIG);
    writeHeader(view, this.#indexes.length, ROOT_ENTRIES, 2);
    this.#indexes.forEach((block, index) => {
      const part = leaves.slice(index * perNode, (index + 1) * perNode);
      this.#writeNode(block, 1, part.length, (node, entry) => writeIndex(node, entry, part[entry]));
      writeIndex(view, index, { logical: part[0].logical, block });
    });
  }

  #writeNode(
    block: number,
    depth: number,
    count: number,
    entry: (view: DataView, index: number) => void,
  ): void {
    const { cache, transactions, seed } = this.context;
    const buffer = cache.fresh(block);
    writeHeader(buffer.view, count, this.#nodeEntries, depth);
    for (let index = 0; index < count; index++) entry(buffer.view, index);
    if (seed !== undefined) {
      buffer.view.setUint32(
        this.#tailOffset,
        crc32c(seed, buffer.bytes, 0, this.#tailOffset),
        true,
      );
    }
    transactions.dirty(buffer);
  }

  *#resize(nodes: { block: number; key: string }[], count: number): Coroutine<void> {
    while (nodes.length > count) yield* this.#freeNode(nodes.pop()!.block);
    while (nodes.length < count) nodes.push({ block: yield* this.#newNode(), key: "" });
  }

  *#resizeIndexes(count: number): Coroutine<void> {
    while (this.#indexes.length > count) yield* this.#freeNode(this.#indexes.pop()!);
    while (this.#indexes.length < count) this.#indexes.push(yield* this.#newNode());
  }

  *#newNode(): Coroutine<number> {
    const { block } = yield* this.context.groups.allocate(this.extents[0]?.physical ?? -1, 1);
    return block;
  }

  *#freeNode(block: number): Coroutine<void> {
    this.context.transactions.revoke(block);
    yield* this.context.groups.free(block, 1);
  }

  /** Reads a file of the old kind: direct, single, double and triple indirect block numbers. */
  *loadBlockMap(map: DataView, fileBlocks: number): Coroutine<void> {
    const perBlock = this.context.cache.blockBytes / 4;
    const add = (logical: number, physical: number) => {
      if (physical === 0 || logical >= fileBlocks) return;
      if (physical >= this.context.blocks) fail(E.EUCLEAN);
      this.insert({ logical, count: 1, physical, unwritten: false });
    };
    const descend = function* (
      this: ExtentList,
      block: number,
      level: number,
      logical: number,
    ): Coroutine<void> {
      if (block === 0 || logical >= fileBlocks) return;
      const buffer = yield* this.context.cache.read(block);
      for (let index = 0; index < perBlock; index++) {
        const entry = buffer.view.getUint32(index * 4, true);
        const at = logical + index * perBlock ** (level - 1);
        if (level === 1) add(at, entry);
        else yield* descend.call(this, entry, level - 1, at);
      }
    };
    for (let index = 0; index < 12; index++) add(index, map.getUint32(index * 4, true));
    let logical = 12;
    for (let level = 1; level <= 3; level++) {
      yield* descend.call(this, map.getUint32((11 + level) * 4, true), level, logical);
      logical += perBlock ** level;
    }
  }
}

function writeHeader(view: DataView, entries: number, most: number, depth: number): void {
  view.setUint16(0, MAGIC, true);
  view.setUint16(2, entries, true);
  view.setUint16(4, most, true);
  view.setUint16(6, depth, true);
  view.setUint32(8, 0, true);
}

function writeExtent(view: DataView, index: number, extent: Extent): void {
  const at = HEADER_BYTES + index * ENTRY_BYTES;
  view.setUint32(at, extent.logical, true);
  view.setUint16(at + 4, extent.unwritten ? extent.count + MAX_INITIALIZED : extent.count, true);
  view.setUint16(at + 6, Math.floor(extent.physical / 2 ** 32), true);
  view.setUint32(at + 8, extent.physical >>> 0, true);
}

function writeIndex(
  view: DataView,
  index: number,
  { logical, block }: { logical: number; block: number },
): void {
  const at = HEADER_BYTES + index * ENTRY_BYTES;
  view.setUint32(at, logical, true);
  view.setUint32(at + 4, block >>> 0, true);
  view.setUint16(at + 8, Math.floor(block / 2 ** 32), true);
  view.setUint16(at + 10, 0, true);
}
