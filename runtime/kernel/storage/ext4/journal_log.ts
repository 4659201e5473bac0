// The journal as a log on the disk: goes on with what a crash left, appends transactions, brings them home.
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
import { scanJournal } from "./journal_scan.ts";

/** A metadata block on its way through the journal. */
export interface LoggedBlock {
  block: number;
  bytes: Uint8Array;
}

export class JournalLog {
  /** sequence of the next transaction to be written */
  sequence = 1;
  /** blocks whose newest committed contents are here, and not at home */
  readonly committed = new Map<number, Uint8Array>();
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

  /** blocks that the next to open it has to read */
  get used(): number {
    return this.#used;
  }

  get capacity(): number {
    return this.#end - this.#first;
  }

  /** blocks of journal that `count` metadata blocks and `revokes` need */
  cost(count: number, revokes: number): number {
    return count + Math.ceil(count / this.#format.tagsPerDescriptor) +
      Math.ceil(revokes / this.#format.revokesPerBlock) + 2;
  }

  /**
   * Reads the journal's superblock, and what a crash left. That stays where it is: the log goes on behind it, and
   * what it holds is in {@link committed}.
   * @param home number of blocks of the file system: a tag beyond it is not believed
   * @param wanted features to turn on, where the image does not have them
   */
  *open(home: number, wanted: number, readOnly: boolean): Coroutine<void> {
    const { map, blockBytes } = this;
    const superblock = new Uint8Array(blockBytes);
    yield* this.io.read((map[0] ?? fail(E.EUCLEAN)) * blockBytes, superblock);
    const view = this.#super = new DataView(superblock.buffer);
    const type = view.getUint32(4);
    if (
      view.getUint32(0) !== JOURNAL_MAGIC ||
      (type !== BlockType.SUPERBLOCK_V1 && type !== BlockType.SUPERBLOCK_V2)
    ) fail(E.EUCLEAN);
    const features = type === BlockType.SUPERBLOCK_V2 ? view.getUint32(0x28) : 0;
    const known = JournalFeature.REVOKE | JournalFeature.BIT64 | JournalFeature.CSUM_V2 |
      JournalFeature.CSUM_V3;
    if ((features & ~known) !== 0) fail(E.EUCLEAN);
    const first = this.#first = this.#head = view.getUint32(0x14);
    const end = this.#end = Math.min(view.getUint32(0x10), map.length);
    const start = view.getUint32(0x1c);
    if (
      view.getUint32(0xc) !== blockBytes || first < 1 || end - first < 16 ||
      start !== 0 && (start < first || start >= end)
    ) fail(E.EUCLEAN);
    this.sequence = view.getUint32(0x18);
    const uuid = new Uint8Array(view.buffer, 0x30, 16);
    this.#format = new JournalFormat({ blockBytes, features, uuid });
    if (start !== 0) {
      const place = { map, first, end, start, sequence: this.sequence };
      const { blocks, used, sequence } = yield* scanJournal(this.io, this.#format, place, home);
      for (const [block, bytes] of blocks) this.committed.set(block, bytes);
      this.sequence = sequence;
      this.#used = used;
      this.#head = first + (start - first + used) % (end - first);
    }
    const wished = (features & ~JournalFeature.CSUM_V2) | wanted;
    if (readOnly || wished === features) return;
    // What is there has the form of before.
    view.setUint32(4, BlockType.SUPERBLOCK_V2);
    view.setUint32(0x28, wished);
    view.setUint8(0x50, (wished & JournalFeature.CSUM_V3) !== 0 ? CRC32C_TYPE : 0);
    this.#format = new JournalFormat({ blockBytes, features: wished, uuid });
    yield* this.checkpoint();
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

  /**
   * Makes a transaction count: it does when this returns.
   * @param begun writes what it is made of: data and {@link write}
   */
  *commit(begun: Coroutine<void>, seconds: number): Coroutine<void> {
    yield* this.io.durablyAfter(begun, this.#next(this.#format.commit(this.sequence, seconds)));
    this.sequence = (this.sequence + 1) >>> 0;
  }

  /** The next block of the journal, with its contents. */
  #next(bytes: Uint8Array): Piece {
    const position = this.map[this.#head] * this.blockBytes;
    this.#head = this.#head + 1 >= this.#end ? this.#first : this.#head + 1;
    this.#used++;
    return { position, bytes };
  }

  /** Writes committed blocks home and empties the journal. */
  *checkpoint(): Coroutine<void> {
    const blocks = [...this.committed].sort(([a], [b]) => a - b);
    yield* this.io.writeDurably(blocks.map(([block, bytes]) => ({
      position: block * this.blockBytes,
      bytes,
    })));
    for (const [block, bytes] of blocks) {
      if (this.committed.get(block) === bytes) this.committed.delete(block);
    }
    this.#used = 0;
    yield* this.io.writeDurably([this.#superblock(this.sequence, 0)]);
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
