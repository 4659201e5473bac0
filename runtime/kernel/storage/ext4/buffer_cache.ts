// Metadata blocks in memory, by block number. A buffer that belongs to a transaction stays; one whose
// newest committed contents are not at home yet is found in the journal.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { BlockIo } from "./block_io.ts";

/** One metadata block. */
export interface Buffer {
  block: number;
  bytes: Uint8Array;
  view: DataView;
  /** transaction that changed it last and is not committed; 0 for none */
  transaction: number;
  /** uses that keep it in memory, beyond transactions */
  pins: number;
  /** checksums and contents have been verified */
  verified: boolean;
}

/** Buffers kept beyond those in use. */
const CAPACITY = 2048;

export class BufferCache {
  readonly #buffers = new Map<number, Buffer>();
  readonly #loading = new Map<number, WaitQueue>();
  /** beyond it some are let go of */
  #limit = CAPACITY;

  /** @param committed contents that are not at home yet */
  constructor(
    private readonly io: BlockIo,
    readonly blockBytes: number,
    private readonly blocks: number,
    private readonly committed: ReadonlyMap<number, Uint8Array>,
  ) {}

  /** The block if it is in memory. */
  peek(block: number): Buffer | undefined {
    return this.#buffers.get(block);
  }

  /** What a commit left in a block, where that is not at home yet. */
  committedOf(block: number): Uint8Array | undefined {
    return this.committed.get(block);
  }

  /** @throws Errno EUCLEAN for a block number that cannot be, EIO */
  *read(block: number): Coroutine<Buffer> {
    for (;;) {
      const found = this.#buffers.get(block);
      if (found !== undefined) return found;
      if (!(block >= 0 && block < this.blocks)) fail(E.EUCLEAN);
      const loading = this.#loading.get(block);
      if (loading === undefined) return yield* this.#load(block);
      yield loading;
    }
  }

  *#load(block: number): Coroutine<Buffer> {
    const loaded = new WaitQueue();
    this.#loading.set(block, loaded);
    try {
      const bytes = new Uint8Array(this.blockBytes);
      const newer = this.committed.get(block);
      if (newer !== undefined) bytes.set(newer);
      else yield* this.io.read(block * this.blockBytes, bytes);
      // Who made it anew meanwhile knows what is in it.
      return this.#buffers.get(block) ?? this.#add(block, bytes);
    } finally {
      this.#loading.delete(block);
      loaded.wakeAll();
    }
  }

  /** A block that will be written in full: zeros. */
  fresh(block: number): Buffer {
    const found = this.#buffers.get(block);
    if (found !== undefined) {
      found.bytes.fill(0);
      found.verified = true;
      return found;
    }
    const buffer = this.#add(block, new Uint8Array(this.blockBytes));
    buffer.verified = true;
    return buffer;
  }

  #add(block: number, bytes: Uint8Array): Buffer {
    // Not afterwards: the new one is for its caller to change.
    if (this.#buffers.size >= this.#limit) this.#shrink();
    const buffer = {
      block,
      bytes,
      view: new DataView(bytes.buffer),
      transaction: 0,
      pins: 0,
      verified: false,
    };
    this.#buffers.set(block, buffer);
    return buffer;
  }

  #shrink(): void {
    for (const [block, buffer] of this.#buffers) {
      if (this.#buffers.size <= CAPACITY / 2) break;
      if (buffer.transaction === 0 && buffer.pins === 0) this.#buffers.delete(block);
    }
    // Where most are in use, not each new one looks for others to let go of.
    this.#limit = Math.max(CAPACITY, 2 * this.#buffers.size);
  }

  /** The block is no metadata any more. */
  forget(block: number): void {
    this.#buffers.delete(block);
  }
}
