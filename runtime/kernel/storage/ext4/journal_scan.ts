// Reads what a crash left in a journal: which transactions count, what blocks they hold last, where they end.
import type { Coroutine } from "../../coroutine.ts";
import type { BlockIo } from "./block_io.ts";
import { BlockType, JOURNAL_MAGIC, type JournalFormat, TagFlag } from "./journal_format.ts";

/** Blocks of the journal that are asked for at a time. */
const STRETCH_BLOCKS = 32;

/** Where a journal is, as its superblock says. Indices are of blocks of the journal. */
export interface JournalPlace {
  /** where each block of the journal is on the disk */
  map: number[];
  first: number;
  /** behind the last */
  end: number;
  start: number;
  /** sequence of the transaction at `start` */
  sequence: number;
}

/** What was found. */
export interface JournalContents {
  /** newest contents of each block that was not revoked since, by its number */
  blocks: Map<number, Uint8Array>;
  /** blocks of the journal that the transactions take, from `start` on */
  used: number;
  /** sequence of the transaction that comes next */
  sequence: number;
}

/** @param home number of blocks of the file system: a tag beyond it is not believed */
export function* scanJournal(
  io: BlockIo,
  format: JournalFormat,
  place: JournalPlace,
  home: number,
): Coroutine<JournalContents> {
  const reader = new JournalReader(io, format.geometry.blockBytes, place);
  const found: JournalContents = { blocks: new Map(), used: 0, sequence: place.sequence };
  let blocks = new Map<number, Uint8Array>();
  let revoked = new Set<number>();
  while (reader.taken < place.end - place.first) {
    const view = yield* reader.next();
    const header = format.header(view);
    if (header === undefined || header.sequence !== found.sequence) break;
    if (header.type === BlockType.DESCRIPTOR) {
      if (!format.sealed(view, format.geometry.blockBytes - 4)) break;
      let sound = true;
      for (const tag of format.tags(view)) {
        const data = yield* reader.next();
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        sound &&= tag.block < home && format.tagMatches(tag, found.sequence, bytes);
        if ((tag.flags & TagFlag.ESCAPE) !== 0) data.setUint32(0, JOURNAL_MAGIC);
        blocks.set(tag.block, bytes);
      }
      if (!sound) break;
    } else if (header.type === BlockType.REVOKE) {
      if (!format.sealed(view, format.geometry.blockBytes - 4)) break;
      for (const block of format.revoked(view)) revoked.add(block);
    } else if (header.type === BlockType.COMMIT) {
      if (!format.sealed(view, 16)) break;
      // What a transaction revokes is of those before it, and of itself.
      for (const [block, bytes] of blocks) found.blocks.set(block, bytes);
      for (const block of revoked) found.blocks.delete(block);
      blocks = new Map();
      revoked = new Set();
      found.used = reader.taken;
      found.sequence = (found.sequence + 1) >>> 0;
    } else break;
  }
  // Copies, lest a few of them keep all that was read.
  for (const [block, bytes] of found.blocks) found.blocks.set(block, bytes.slice());
  return found;
}

/** Gives the blocks of a journal in their order, around its end; reads neighbours on the disk together. */
class JournalReader {
  /** how many were given */
  taken = 0;
  #at: number;
  /** those that have been read, and are still to be given */
  #ahead: DataView[] = [];

  constructor(
    private readonly io: BlockIo,
    private readonly blockBytes: number,
    private readonly place: JournalPlace,
  ) {
    this.#at = place.start;
  }

  *next(): Coroutine<DataView> {
    if (this.#ahead.length === 0) yield* this.#readStretch();
    this.taken++;
    return this.#ahead.pop()!;
  }

  *#readStretch(): Coroutine<void> {
    const { map, first, end } = this.place, { blockBytes } = this;
    const position = map[this.#at];
    let count = 1;
    while (
      count < STRETCH_BLOCKS && this.#at + count < end &&
      map[this.#at + count] === position + count
    ) count++;
    const bytes = new Uint8Array(count * blockBytes);
    yield* this.io.read(position * blockBytes, bytes);
    this.#at = this.#at + count >= end ? first : this.#at + count;
    for (let index = count - 1; index >= 0; index--) {
      this.#ahead.push(new DataView(bytes.buffer, index * blockBytes, blockBytes));
    }
  }
}
