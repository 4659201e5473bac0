// The journal as a log on the disk: replays what a crash left, appends transactions, moves its tail.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { BlockIo, Piece } from "./block_io.ts";
import { crc32c } from "./checksum.ts";
import {
  BlockType,
  CRC32C_TYPE,
  JOURNAL_MAGIC,
  JournalFeature,
  JournalFormat,
  type Tag,
  TagFlag,
} from "./journal_format.ts";

/** A metadata block on its way through the journal. */
export interface LoggedBlock {
  block: number;
  bytes: Uint8Array;
}

export class JournalLog {
  /** sequence of the next transaction to be written */
  sequence = 1;
  #format!: JournalFormat;
  #super!: DataView;
  #first = 1;
  #end = 0;
  /** where the next block goes, and how many blocks hold transactions that may be needed */
  #head = 0;
  #used = 0;

  /** @param map where each block of the journal is on the disk */
  constructor(
    private readonly io: BlockIo,
    private readonly map: number[],
    private readonly blockBytes: number,
  ) {}

  /** blocks that a transaction may still take */
  get room(): number {
    return this.#end - this.#first - this.#used - 1;
  }

  get capacity(): number {
    return this.#end - this.#first;
  }

  /** blocks of journal that `count` metadata blocks and `revokes` need */
  cost(count: number, revokes: number): number {
    return count + Math.ceil(count / this.#format.tagsPerDescriptor) +
      Math.ceil(revokes / this.#format.revokesPerBlock) + 2;
  }

  *#read(index: number): Coroutine<DataView> {
    const position = this.map[index] ?? fail(E.EUCLEAN);
    const bytes = new Uint8Array(this.blockBytes);
    yield* this.io.read(position * this.blockBytes, bytes);
    return new DataView(bytes.buffer);
  }

  /**
   * Reads the journal's superblock and replays what it holds.
   * @param home number of blocks of the file system: a tag beyond it is not believed
   * @param wanted features to turn on, where the image does not have them
   * @returns sequence of the last transaction that is on the image
   */
  *open(home: number, wanted: number, readOnly: boolean): Coroutine<number> {
    const view = this.#super = yield* this.#read(0);
    const type = view.getUint32(4);
    if (
      view.getUint32(0) !== JOURNAL_MAGIC ||
      (type !== BlockType.SUPERBLOCK_V1 && type !== BlockType.SUPERBLOCK_V2)
    ) fail(E.EUCLEAN);
    let features = type === BlockType.SUPERBLOCK_V2 ? view.getUint32(0x28) : 0;
    const known = JournalFeature.REVOKE | JournalFeature.BIT64 | JournalFeature.CSUM_V2 |
      JournalFeature.CSUM_V3;
    if ((features & ~known) !== 0) fail(E.EUCLEAN);
    this.#first = view.getUint32(0x14);
    this.#end = Math.min(view.getUint32(0x10), this.map.length);
    if (
      view.getUint32(0xc) !== this.blockBytes || this.#first < 1 || this.#end - this.#first < 16
    ) fail(E.EUCLEAN);
    this.sequence = view.getUint32(0x18);
    const start = view.getUint32(0x1c);
    const uuid = new Uint8Array(view.buffer, 0x30, 16);
    this.#format = new JournalFormat({ blockBytes: this.blockBytes, features, uuid });
    if (start !== 0) yield* this.#replay(start, home);
    const recovered = this.sequence - 1;
    this.#head = this.#first;
    if (readOnly) return recovered;
    features = (features & ~JournalFeature.CSUM_V2) | wanted;
    view.setUint32(4, BlockType.SUPERBLOCK_V2);
    view.setUint32(0x28, features);
    view.setUint8(0x50, (features & JournalFeature.CSUM_V3) !== 0 ? CRC32C_TYPE : 0);
    this.#format = new JournalFormat({ blockBytes: this.blockBytes, features, uuid });
    yield* this.markEmpty();
    return recovered;
  }

  /** Three passes: find the end, collect what was revoked, copy home. */
  *#replay(start: number, home: number): Coroutine<void> {
    const revoked = new Map<number, number>();
    const writes = new Map<number, { sequence: number; bytes: Uint8Array }>();
    let sequence = this.sequence;
    let at = start;
    const next = () => at = at + 1 >= this.#end ? this.#first : at + 1;
    let pending: LoggedBlock[] = [];
    let pendingRevokes: number[] = [];
    for (let steps = 0; steps < this.capacity; steps++) {
      const view = yield* this.#read(at);
      const header = this.#format.header(view);
      if (header === undefined || header.sequence !== sequence) break;
      next();
      if (header.type === BlockType.DESCRIPTOR) {
        if (!this.#format.sealed(view, this.blockBytes - 4)) break;
        let sound = true;
        for (const tag of this.#format.tags(view)) {
          const data = yield* this.#read(at);
          next();
          steps++;
          const bytes = new Uint8Array(data.buffer);
          sound &&= tag.block < home && this.#format.tagMatches(tag, sequence, bytes);
          if ((tag.flags & TagFlag.ESCAPE) !== 0) data.setUint32(0, JOURNAL_MAGIC);
          pending.push({ block: tag.block, bytes });
        }
        if (!sound) break;
      } else if (header.type === BlockType.REVOKE) {
        if (!this.#format.sealed(view, this.blockBytes - 4)) break;
        pendingRevokes.push(...this.#format.revoked(view));
      } else if (header.type === BlockType.COMMIT) {
        if (!this.#format.sealed(view, 16)) break;
        for (const block of pendingRevokes) revoked.set(block, sequence);
        for (const { block, bytes } of pending) writes.set(block, { sequence, bytes });
        pending = [];
        pendingRevokes = [];
        sequence = (sequence + 1) >>> 0;
      } else break;
    }
    const pieces = [...writes].filter(([block, write]) =>
      write.sequence > (revoked.get(block) ?? -1)
    )
      .map(([block, { bytes }]) => ({ position: block * this.blockBytes, bytes }));
    yield* this.io.writeAll(pieces);
    yield* this.io.flush();
    this.sequence = sequence;
  }

  /** Writes what a transaction changes. It counts for nothing until {@link commit}, whatever else is under way. */
  *write(blocks: LoggedBlock[], revokes: number[]): Coroutine<void> {
    const sequence = this.sequence;
    const pieces: Piece[] = [];
    const put = (bytes: Uint8Array) => pieces.push(this.#next(bytes));
    if (this.#used === 0) pieces.push(this.#superblock(sequence, this.#head));
    for (let done = 0; done < revokes.length; done += this.#format.revokesPerBlock) {
      put(this.#format.revoke(sequence, revokes.slice(done, done + this.#format.revokesPerBlock)));
    }
    for (let done = 0; done < blocks.length; done += this.#format.tagsPerDescriptor) {
      const part = blocks.slice(done, done + this.#format.tagsPerDescriptor).map(
        ({ block, bytes }): Tag & { bytes: Uint8Array } => {
          const escaped =
            new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === JOURNAL_MAGIC;
          let data = bytes;
          if (escaped) {
            data = bytes.slice();
            data.fill(0, 0, 4);
          }
          return {
            block,
            flags: escaped ? TagFlag.ESCAPE : 0,
            checksum: this.#format.dataChecksum(sequence, data),
            bytes: data,
          };
        },
      );
      put(this.#format.descriptor(sequence, part));
      for (const tag of part) put(tag.bytes);
    }
    yield* this.io.writeAll(pieces);
  }

  /** Makes what was written count: everything that was written before is on the image then. */
  *commit(seconds: number): Coroutine<void> {
    yield* this.io.flush();
    yield* this.io.writeAll([this.#next(this.#format.commit(this.sequence, seconds))]);
    yield* this.io.flush();
    this.sequence = (this.sequence + 1) >>> 0;
  }

  /** The next block of the journal, with its contents. */
  #next(bytes: Uint8Array): Piece {
    const position = this.map[this.#head] * this.blockBytes;
    this.#head = this.#head + 1 >= this.#end ? this.#first : this.#head + 1;
    this.#used++;
    return { position, bytes };
  }

  /** Everything in the journal is at home: it is empty. */
  *markEmpty(): Coroutine<void> {
    this.#used = 0;
    yield* this.io.writeAll([this.#superblock(this.sequence, 0)]);
    yield* this.io.flush();
  }

  #superblock(sequence: number, start: number): Piece {
    const view = this.#super;
    view.setUint32(0x18, sequence);
    view.setUint32(0x1c, start);
    view.setUint32(0xfc, 0);
    const bytes = new Uint8Array(view.buffer);
    if (this.#format.checksums) view.setUint32(0xfc, crc32c(0xffff_ffff, bytes, 0, 1024));
    return { position: this.map[0] * this.blockBytes, bytes };
  }
}
