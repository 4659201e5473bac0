// The entries of a directory. Names are found through a table in memory that is read from the blocks
// once; blocks are changed in place. An index (htree) that the image brought is turned into plain
// blocks when the directory is first changed: both are valid for Linux.
import { type Coroutine, Mutex } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { DirectoryEntry } from "../../vfs/filesystem.ts";
import type { Buffer } from "./buffer_cache.ts";
import { crc32c } from "./checksum.ts";

/** What a directory needs of its inode. */
export interface DirectoryHost {
  readonly ino: number;
  readonly blockBytes: number;
  /** blocks that the directory has */
  blockCount(): number;
  readBlock(index: number): Coroutine<Buffer>;
  /** one more block at the end */
  addBlock(): Coroutine<Buffer>;
  /** a block is changed by the present operation; its checksum is due */
  changed(buffer: Buffer): void;
  /** checksum seed; undefined without checksums */
  readonly seed: number | undefined;
  indexed: boolean;
}

export interface Place {
  ino: number;
  type: number;
  block: number;
  offset: number;
}

const HEADER_BYTES = 8;
const TAIL_BYTES = 12;
const TAIL_TYPE = 0xde;

/** Bytes of an entry with a name. */
function entryBytes(nameLength: number): number {
  return (HEADER_BYTES + nameLength + 3) & ~3;
}

export class Directory {
  readonly #names = new Map<string, Place>();
  /** most bytes free in a row, for each block; an estimate from above */
  readonly #room: number[] = [];
  #loaded = false;
  readonly #loading = new Mutex();
  parentIno = 0;

  constructor(private readonly host: DirectoryHost) {}

  get #end(): number {
    return this.host.blockBytes - (this.host.seed === undefined ? 0 : TAIL_BYTES);
  }

  get size(): number {
    return this.#names.size;
  }

  *load(): Coroutine<void> {
    if (this.#loaded) return;
    yield* this.#loading.acquire();
    try {
      if (this.#loaded) return;
      for (let block = 0; block < this.host.blockCount(); block++) yield* this.#loadBlock(block);
      this.#loaded = true;
    } finally {
      this.#loading.release();
    }
  }

  *#loadBlock(block: number): Coroutine<void> {
    const buffer = yield* this.host.readBlock(block);
    let room = 0;
    this.#verify(buffer);
    for (const entry of entries(buffer, this.host.blockBytes)) {
      const used = entry.ino === 0 ? 0 : entryBytes(entry.name.length);
      room = Math.max(room, entry.length - used);
      if (entry.ino === 0) continue;
      if (entry.name === "..") this.parentIno = entry.ino;
      if (entry.name === "." || entry.name === "..") continue;
      this.#names.set(entry.name, {
        ino: entry.ino,
        type: entry.type,
        block,
        offset: entry.offset,
      });
    }
    this.#room[block] = room;
  }

  /** Checks a block that has a checksum in its tail; those of an index keep theirs elsewhere. */
  #verify(buffer: Buffer): void {
    const { seed, blockBytes } = this.host;
    if (buffer.verified || seed === undefined) return;
    const tail = blockBytes - TAIL_BYTES;
    const hasTail = buffer.view.getUint16(tail + 4, true) === TAIL_BYTES &&
      buffer.bytes[tail + 7] === TAIL_TYPE;
    if (hasTail && crc32c(seed, buffer.bytes, 0, tail) !== buffer.view.getUint32(tail + 8, true)) {
      fail(E.EUCLEAN);
    }
    if (!hasTail && !this.host.indexed) fail(E.EUCLEAN);
    buffer.verified = true;
  }

  find(name: string): Place | undefined {
    return this.#names.get(name);
  }

  /** The first block of a new directory. */
  static initialize(buffer: Buffer, ino: number, parent: number, hasTail: boolean): void {
    const end = buffer.bytes.length - (hasTail ? TAIL_BYTES : 0);
    writeEntry(buffer, 0, ino, 12, ".", 2);
    writeEntry(buffer, 12, parent, end - 12, "..", 2);
    if (hasTail) writeTail(buffer);
  }

  /** Adds a name that is not there. Part of a transaction. */
  *add(name: string, ino: number, type: number): Coroutine<void> {
    yield* this.#plain();
    const needed = entryBytes(name.length);
    for (let block = this.#room.length - 1; block >= 0; block--) {
      if (this.#room[block] < needed) continue;
      const buffer = yield* this.host.readBlock(block);
      if (this.#insert(buffer, block, name, ino, type)) return;
    }
    const buffer = yield* this.host.addBlock();
    const block = this.host.blockCount() - 1;
    writeEntry(buffer, 0, 0, this.#end, "", 0);
    if (this.host.seed !== undefined) writeTail(buffer);
    this.#room[block] = this.#end;
    this.#insert(buffer, block, name, ino, type);
  }

  #insert(buffer: Buffer, block: number, name: string, ino: number, type: number): boolean {
    const needed = entryBytes(name.length);
    let room = 0;
    for (const entry of entries(buffer, this.#end)) {
      const used = entry.ino === 0 ? 0 : entryBytes(entry.name.length);
      const free = entry.length - used;
      room = Math.max(room, free);
      if (free < needed) continue;
      if (used > 0) buffer.view.setUint16(entry.offset + 4, used, true);
      writeEntry(buffer, entry.offset + used, ino, free, name, type);
      this.#names.set(name, { ino, type, block, offset: entry.offset + used });
      this.host.changed(buffer);
      return true;
    }
    this.#room[block] = room;
    return false;
  }

  /** Removes a name that is there. */
  *remove(name: string): Coroutine<void> {
    yield* this.#plain();
    const place = this.#names.get(name) ?? fail(E.ENOENT);
    const buffer = yield* this.host.readBlock(place.block);
    let before = -1;
    for (const entry of entries(buffer, this.#end)) {
      if (entry.offset === place.offset) {
        if (before < 0) buffer.view.setUint32(entry.offset, 0, true);
        else buffer.view.setUint16(before + 4, entry.offset - before + entry.length, true);
        break;
      }
      before = entry.offset;
    }
    this.#names.delete(name);
    this.#room[place.block] = this.#end;
    this.host.changed(buffer);
  }

  /** Makes a name that is there mean another inode; ".." too. */
  *replace(name: string, ino: number, type: number): Coroutine<void> {
    yield* this.#plain();
    const place = name === ".."
      ? { block: 0, offset: 12 }
      : this.#names.get(name) ?? fail(E.ENOENT);
    const buffer = yield* this.host.readBlock(place.block);
    buffer.view.setUint32(place.offset, ino, true);
    buffer.bytes[place.offset + 7] = type;
    this.host.changed(buffer);
    if (name === "..") this.parentIno = ino;
    else this.#names.set(name, { ...place, ino, type });
  }

  /** Turns an indexed directory into plain blocks: index blocks become empty ones. */
  *#plain(): Coroutine<void> {
    if (!this.host.indexed) return;
    for (let block = 0; block < this.host.blockCount(); block++) {
      const buffer = yield* this.host.readBlock(block);
      const isNode = block > 0 && buffer.view.getUint32(0, true) === 0 &&
        buffer.view.getUint16(4, true) === this.host.blockBytes;
      if (block === 0) {
        const parent = buffer.view.getUint32(12, true);
        buffer.bytes.fill(0, 24);
        Directory.initialize(buffer, this.host.ino, parent, this.host.seed !== undefined);
      } else if (isNode) {
        buffer.bytes.fill(0);
        writeEntry(buffer, 0, 0, this.#end, "", 0);
        if (this.host.seed !== undefined) writeTail(buffer);
      } else continue;
      this.#room[block] = this.#end;
      this.host.changed(buffer);
    }
    this.host.indexed = false;
  }

  /** Entries at or behind a position (block times block size plus offset), without "." and "..". */
  *list(from: number, emit: (entry: DirectoryEntry) => boolean): Coroutine<void> {
    const { blockBytes } = this.host;
    for (let block = Math.floor(from / blockBytes); block < this.host.blockCount(); block++) {
      const buffer = yield* this.host.readBlock(block);
      this.#verify(buffer);
      for (const entry of entries(buffer, blockBytes)) {
        const position = block * blockBytes + entry.offset;
        if (position < from || entry.ino === 0 || entry.name === "." || entry.name === "..") {
          continue;
        }
        const next = position + entryBytes(entry.name.length);
        if (!emit({ name: entry.name, ino: entry.ino, type: directoryType(entry.type), next })) {
          return;
        }
      }
    }
  }
}

/** Sets the checksum in a block's tail. */
export function sealDirectoryBlock(buffer: Buffer, seed: number): void {
  const tail = buffer.bytes.length - TAIL_BYTES;
  buffer.view.setUint32(tail + 8, crc32c(seed, buffer.bytes, 0, tail), true);
}

function writeTail(buffer: Buffer): void {
  const tail = buffer.bytes.length - TAIL_BYTES;
  buffer.bytes.fill(0, tail);
  buffer.view.setUint16(tail + 4, TAIL_BYTES, true);
  buffer.bytes[tail + 7] = TAIL_TYPE;
}

function writeEntry(
  buffer: Buffer,
  offset: number,
  ino: number,
  length: number,
  name: string,
  type: number,
): void {
  buffer.view.setUint32(offset, ino, true);
  buffer.view.setUint16(offset + 4, length === 65536 ? 65535 : length, true);
  buffer.bytes[offset + 6] = name.length;
  buffer.bytes[offset + 7] = type;
  for (let index = 0; index < name.length; index++) {
    buffer.bytes[offset + HEADER_BYTES + index] = name.charCodeAt(index);
  }
}

/** The entries of a block, checked. @throws Errno EUCLEAN */
function* entries(
  buffer: Buffer,
  end: number,
): Generator<{ offset: number; ino: number; length: number; type: number; name: string }> {
  for (let offset = 0; offset + HEADER_BYTES <= end;) {
    const length = buffer.view.getUint16(offset + 4, true);
    const nameLength = buffer.bytes[offset + 6];
    if (
      length < HEADER_BYTES || length % 4 !== 0 || offset + length > buffer.bytes.length ||
      HEADER_BYTES + nameLength > length
    ) fail(E.EUCLEAN);
    let name = "";
    for (let index = 0; index < nameLength; index++) {
      name += String.fromCharCode(buffer.bytes[offset + HEADER_BYTES + index]);
    }
    yield {
      offset,
      ino: buffer.view.getUint32(offset, true),
      length,
      type: buffer.bytes[offset + 7],
      name,
    };
    offset += length;
  }
}

/** Types of ext4 entries, to `DT_*`. */
const types = [0, 8, 4, 2, 6, 1, 12, 10];

function directoryType(type: number): number {
  return types[type] ?? 0;
}
