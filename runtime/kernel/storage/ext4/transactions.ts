// Transactions over the metadata buffers (jbd2's roles, in ordered mode): operations run inside a
// handle of the running transaction; a commit waits for open handles, takes copies, and writes data and
// journal, then the block that makes them count, while the next transaction runs. Committed blocks go home at checkpoints.
import { type Coroutine, Mutex, together, WaitQueue } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import type { BlockIo, Piece } from "./block_io.ts";
import type { Buffer, BufferCache } from "./buffer_cache.ts";
import type { JournalLog, LoggedBlock } from "./journal_log.ts";

/** An inode as a transaction sees it. */
export interface JoinedInode {
  /** writes its dirty data pages to the disk */
  writeData(): Coroutine<void>;
  /** puts its attributes into its buffer of the inode table */
  store(): void;
}

interface Transaction {
  number: number;
  buffers: Set<Buffer>;
  inodes: Set<JoinedInode>;
  revokes: Set<number>;
  /** called when it is durable: what must not happen before */
  after: (() => void)[];
  handles: number;
}

/** What is asked of the owner before copies are taken. */
export interface Sealer {
  /** brings checksums and counts of changed metadata up to date */
  seal(): void;
}

/** Blocks of the journal in use: beyond it a checkpoint is due, so that a crash leaves little to read. */
const MAX_LOGGED = 1024;
/** Blocks of a transaction without a journal: beyond it a commit is due. */
const MAX_CHANGED = 1024;
/** Blocks that one operation may change at most: room to keep free in the journal for each. */
const HANDLE_BLOCKS = 64;

export class Transactions {
  /** newest transaction that is durable */
  durable: number;
  /** why nothing can be written any more */
  failure: Errno | undefined;
  #running: Transaction;
  #locked = false;
  readonly #unlocked = new WaitQueue();
  readonly #quiet = new WaitQueue();
  readonly #committing = new Mutex();

  /**
   * @param log undefined for a file system without a journal: metadata then goes home at once
   * @param first number of the first transaction
   */
  constructor(
    private readonly io: BlockIo,
    private readonly cache: BufferCache,
    private readonly log: JournalLog | undefined,
    private readonly sealer: Sealer,
    first: number,
    private readonly seconds: () => number,
  ) {
    this.#running = newTransaction(first);
    this.durable = first - 1;
  }

  /** number of the transaction that changes belong to now */
  get number(): number {
    return this.#running.number;
  }

  get empty(): boolean {
    return this.#running.buffers.size === 0 && this.#running.inodes.size === 0;
  }

  /** whether a handle can be begun without waiting */
  get open(): boolean {
    return !this.#locked && this.failure === undefined && !this.#full;
  }

  get #full(): boolean {
    if (this.log === undefined) return this.#running.buffers.size > MAX_CHANGED;
    return this.#running.buffers.size + (this.#running.handles + 1) * HANDLE_BLOCKS >
      this.log.capacity / 4;
  }

  /** Begins an operation. To be ended by `end`, whatever happens. @throws Errno EROFS after a failure */
  *begin(): Coroutine<void> {
    for (;;) {
      if (this.failure !== undefined) fail(E.EROFS);
      if (this.#locked) yield this.#unlocked;
      else if (this.#full && this.#running.handles === 0) yield* this.commit(this.#running.number);
      else if (this.#full) yield this.#quiet;
      else break;
    }
    this.#running.handles++;
  }

  /** Begins an operation that does not wait: only where `open` says so. */
  beginNow(): void {
    this.#running.handles++;
  }

  end(): void {
    if (--this.#running.handles === 0) this.#quiet.wakeAll();
  }

  /** Says that a buffer is changed by the present operation. */
  dirty(buffer: Buffer): void {
    buffer.transaction = this.#running.number;
    this.#running.buffers.add(buffer);
    this.#running.revokes.delete(buffer.block);
  }

  /** Says that an inode is changed: its data and attributes are of this transaction. */
  join(inode: JoinedInode): void {
    this.#running.inodes.add(inode);
  }

  /** A metadata block is free: older copies in the journal must not be replayed over its next contents. */
  revoke(block: number): void {
    const buffer = this.cache.peek(block);
    if (buffer !== undefined) {
      this.#running.buffers.delete(buffer);
      this.cache.forget(block);
    }
    // Its committed contents stay until this is durable: a checkpoint before that must bring them home,
    // for after a crash the block is not free.
    this.#running.revokes.add(block);
  }

  /** Runs `work` once the running transaction is durable. */
  afterCommit(work: () => void): void {
    this.#running.after.push(work);
  }

  /** Returns when a transaction is durable. Concurrent callers share one commit. @throws Errno EIO */
  *commit(number: number): Coroutine<void> {
    while (this.durable < number) {
      yield* this.#committing.acquire();
      try {
        if (this.durable >= number) continue;
        const { buffers, inodes, revokes } = this.#running;
        if (buffers.size + inodes.size + revokes.size > 0 || this.#running.handles > 0) {
          yield* this.#commitRunning();
        } else return;
      } finally {
        this.#committing.release();
      }
    }
  }

  *#commitRunning(): Coroutine<void> {
    if (this.failure !== undefined) throw this.failure;
    const transaction = this.#running;
    this.#locked = true;
    while (transaction.handles > 0) yield this.#quiet;
    // First, so that the disk has begun when the rest is ready.
    const data = together([...transaction.inodes].map((inode) => inode.writeData()));
    let blocks: LoggedBlock[];
    try {
      for (const inode of transaction.inodes) inode.store();
      this.sealer.seal();
      blocks = [...transaction.buffers].map((buffer) => ({
        block: buffer.block,
        bytes: buffer.bytes.slice(),
      }));
    } finally {
      for (const buffer of transaction.buffers) {
        // Until its copy is in the journal, nowhere else is what it says.
        buffer.pins++;
        if (buffer.transaction === transaction.number) buffer.transaction = 0;
      }
      this.#running = newTransaction(transaction.number + 1);
      this.#locked = false;
      this.#unlocked.wakeAll();
    }
    try {
      if (this.log !== undefined) {
        yield* this.#writeLogged(this.log, data, blocks, [...transaction.revokes]);
      } else {
        yield* data;
        yield* this.io.writeDurably(this.#homes(blocks));
      }
    } catch (failure) {
      this.failure = failure instanceof Errno ? failure : new Errno(E.EIO);
      this.#quiet.wakeAll();
      this.#unlocked.wakeAll();
      throw failure;
    } finally {
      for (const buffer of transaction.buffers) buffer.pins--;
    }
    this.durable = transaction.number;
    for (const work of transaction.after) work();
    this.#quiet.wakeAll();
  }

  /**
   * Data and journal are written at a time: what orders them is the flush before the block that makes the
   * transaction count.
   */
  *#writeLogged(
    log: JournalLog,
    data: Coroutine<void>,
    blocks: LoggedBlock[],
    revokes: number[],
  ): Coroutine<void> {
    const cost = log.cost(blocks.length, revokes.length);
    if (cost > log.capacity) fail(E.ENOSPC);
    if (cost > log.room || log.used > MAX_LOGGED) yield* log.checkpoint();
    if (blocks.length === 0 && revokes.length === 0) return yield* this.io.durably(data);
    yield* log.commit(together([data, log.write(blocks, revokes)]), this.seconds());
    for (const { block, bytes } of blocks) log.committed.set(block, bytes);
    for (const block of revokes) log.committed.delete(block);
  }

  #homes(blocks: LoggedBlock[]): Piece[] {
    return blocks.sort((a, b) => a.block - b.block)
      .map(({ block, bytes }) => ({ position: block * this.cache.blockBytes, bytes }));
  }

  /** Commits what there is and brings everything home: for unmounting. */
  *finish(): Coroutine<void> {
    yield* this.commit(this.#running.number);
    if (this.log === undefined) return;
    yield* this.#committing.acquire();
    try {
      yield* this.log.checkpoint();
    } finally {
      this.#committing.release();
    }
  }
}

function newTransaction(number: number): Transaction {
  return {
    number,
    buffers: new Set(),
    inodes: new Set(),
    revokes: new Set(),
    after: [],
    handles: 0,
  };
}
