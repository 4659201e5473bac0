// Blocks to and from the disk: metadata lives in the component's heap and travels through a few frames
// of the domain's memory, since a device reaches no other.
import {
  type BlockDevice,
  type BlockRequest,
  blockRequest,
  SECTOR_BYTES,
} from "../../block/block_device.ts";
import { type Coroutine, together, WaitQueue } from "../../coroutine.ts";
import type { DmaBuffer, Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";

const FRAMES = 64;
export const FRAME_BYTES = 4096;

/** At most a frame, and the byte position on the disk where it goes. */
export interface Piece {
  position: number;
  bytes: Uint8Array;
}

/** Writes that were submitted and not looked after yet, in their order. */
interface UnderWay {
  writes: { request: BlockRequest; frames: DmaBuffer[] }[];
  frames: number;
  failed: boolean;
}

export class BlockIo {
  readonly #free: DmaBuffer[];
  readonly #freed = new WaitQueue();
  /** works under way that will submit writes once they have waited: no flush covers these yet */
  #late = 0;

  constructor(readonly disk: BlockDevice, environment: Environment) {
    const pool = environment.memory.allocate(FRAMES * FRAME_BYTES);
    this.#free = Array.from({ length: FRAMES }, (_, index) => ({
      address: pool.address + index * FRAME_BYTES,
      bytes: pool.bytes.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES),
    }));
  }

  /** Carries out one request on the caller's buffers. @throws Errno EIO */
  *perform(
    operation: BlockRequest["operation"],
    sector: number,
    buffers: DmaBuffer[],
    sectors = 0,
  ): Coroutine<void> {
    const request = this.submit(operation, sector, buffers, sectors);
    yield* this.settle(request);
  }

  submit(
    operation: BlockRequest["operation"],
    sector: number,
    buffers: DmaBuffer[],
    sectors = 0,
  ): BlockRequest {
    const request = blockRequest(operation, sector, buffers, sectors);
    this.disk.submit(request);
    return request;
  }

  *settle(request: BlockRequest): Coroutine<void> {
    while (request.status === "pending") yield request.done;
    if (request.status !== "ok") fail(E.EIO);
  }

  /** Reads `into.length` bytes, whole sectors, at a byte position: as much in a request as there are frames. */
  *read(position: number, into: Uint8Array): Coroutine<void> {
    for (let done = 0; done < into.length;) {
      const frames = yield* this.#take(Math.ceil((into.length - done) / FRAME_BYTES));
      try {
        const part = into.subarray(done, done + frames.length * FRAME_BYTES);
        const buffers = frames.map(({ address, bytes }, index) => ({
          address,
          bytes: bytes.subarray(0, Math.min(FRAME_BYTES, part.length - index * FRAME_BYTES)),
        }));
        yield* this.perform("read", (position + done) / SECTOR_BYTES, buffers);
        buffers.forEach(({ bytes }, index) => part.set(bytes, index * FRAME_BYTES));
        done += part.length;
      } finally {
        this.#give(frames);
      }
    }
  }

  /** Writes pieces, neighbours in one request; several are under way at a time. @throws Errno EIO */
  *writeAll(pieces: Piece[]): Coroutine<void> {
    const under: UnderWay = { writes: [], frames: 0, failed: false };
    yield* this.late(this.#submitAll(pieces, under));
    while (under.writes.length > 0) yield* this.#settleFirst(under);
    if (under.failed) fail(E.EIO);
  }

  *#submitAll(pieces: Piece[], under: UnderWay): Coroutine<void> {
    for (let next = 0; next < pieces.length;) {
      while (under.frames >= FRAMES / 2) yield* this.#settleFirst(under);
      const { position } = pieces[next];
      const frames = yield* this.#take(neighbours(pieces, next));
      const buffers = frames.map(({ address, bytes: frame }) => {
        const { bytes } = pieces[next++];
        frame.set(bytes);
        return { address, bytes: frame.subarray(0, bytes.length) };
      });
      const request = this.submit("write", position / SECTOR_BYTES, buffers);
      under.frames += frames.length;
      under.writes.push({ request, frames });
    }
  }

  *#settleFirst(under: UnderWay): Coroutine<void> {
    const { request, frames } = under.writes.shift()!;
    while (request.status === "pending") yield request.done;
    under.failed ||= request.status !== "ok";
    under.frames -= frames.length;
    this.#give(frames);
  }

  /** Does work that submits writes once it has waited. Whoever has such work begin says so by this. */
  *late(work: Coroutine<void>): Coroutine<void> {
    this.#late++;
    try {
      yield* work;
    } finally {
      this.#late--;
    }
  }

  /**
   * Returns when what some work writes is on the image, and everything written before. On a disk in order the flush
   * is under way with what the work has submitted, and nobody wakes up in between; unless something is {@link late}.
   * @param begun as {@link together} begins it
   * @throws Errno EIO, and what the work throws
   */
  *durably(begun: Coroutine<void>): Coroutine<void> {
    const early = this.#flushesAtOnce ? this.submit("flush", 0, []) : undefined;
    yield* begun;
    if (early !== undefined) yield* this.settle(early);
    else yield* this.perform("flush", 0, []);
  }

  /** Whether a flush that is submitted now covers everything that has been begun. */
  get #flushesAtOnce(): boolean {
    return this.disk.inOrder && this.#late === 0;
  }

  /**
   * Returns when a piece is on the image that must not be there before what some work writes. A disk in order gets the
   * piece without anybody waking up in between, behind the flush that comes before it. Where the work then turns out to
   * have failed there are zeros in its place.
   * @param begun as for {@link durably}
   * @throws Errno EIO, and what the work throws
   */
  *durablyAfter(begun: Coroutine<void>, piece: Piece): Coroutine<void> {
    if (!this.#flushesAtOnce) {
      yield* this.durably(begun);
      return yield* this.writeDurably([piece]);
    }
    const flush = this.submit("flush", 0, []);
    const written = together([this.writeDurably([piece])]);
    try {
      yield* begun;
      yield* this.settle(flush);
    } catch (failure) {
      try {
        yield* written;
      } finally {
        yield* this.writeDurably([{ ...piece, bytes: new Uint8Array(piece.bytes.length) }]);
      }
      throw failure;
    }
    yield* written;
  }

  /** Writes pieces that are on the image when it returns, and everything written before. */
  writeDurably(pieces: Piece[]): Coroutine<void> {
    return this.durably(together([this.writeAll(pieces)]));
  }

  /**
   * Takes frames for one request: up to `wanted`, at least one. They come in the order in which they lie, so that
   * neighbours are one segment to a device.
   */
  *#take(wanted: number): Coroutine<DmaBuffer[]> {
    while (this.#free.length === 0) yield this.#freed;
    const { maxBuffers, maxBytes } = this.disk;
    const most = Math.min(FRAMES / 2, maxBuffers, Math.floor(maxBytes / FRAME_BYTES));
    const count = Math.max(1, Math.min(wanted, most));
    return this.#free.splice(-count).sort((a, b) => a.address - b.address);
  }

  #give(frames: DmaBuffer[]): void {
    this.#free.push(...frames);
    for (let each = 0; each < frames.length; each++) this.#freed.wakeOne();
  }
}

/** How many pieces, from one on, follow each other on the disk. */
function neighbours(pieces: Piece[], from: number): number {
  let next = from;
  for (let end = pieces[from].position; pieces[next]?.position === end; next++) {
    end += pieces[next].bytes.length;
  }
  return next - from;
}
