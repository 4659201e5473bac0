// Blocks to and from the disk: metadata lives in the component's heap and travels through a few frames
// of the domain's memory, since a device reaches no other.
import { type BlockDevice, type BlockRequest, SECTOR_BYTES } from "../../block/block_device.ts";
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import type { DmaBuffer, Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";

const FRAMES = 64;
export const FRAME_BYTES = 4096;

/** At most a frame, and the byte position on the disk where it goes. */
export interface Piece {
  position: number;
  bytes: Uint8Array;
}

export class BlockIo {
  readonly #free: DmaBuffer[];
  readonly #freed = new WaitQueue();

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
    const request: BlockRequest = {
      operation,
      sector,
      sectors,
      buffers,
      status: "pending",
      done: new WaitQueue(),
    };
    this.disk.submit(request);
    return request;
  }

  *settle(request: BlockRequest): Coroutine<void> {
    while (request.status === "pending") yield request.done;
    if (request.status !== "ok") fail(E.EIO);
  }

  /** Reads `into.length` bytes (at most a frame) at a byte position. */
  *read(position: number, into: Uint8Array): Coroutine<void> {
    const frame = yield* this.#take();
    try {
      const bytes = frame.bytes.subarray(0, into.length);
      yield* this.perform("read", position / SECTOR_BYTES, [{ address: frame.address, bytes }]);
      into.set(bytes);
    } finally {
      this.#give(frame);
    }
  }

  /** Writes pieces, neighbours in one request; several are under way at a time. */
  *writeAll(pieces: Piece[]): Coroutine<void> {
    const under: { request: BlockRequest; frames: DmaBuffer[] }[] = [];
    let held = 0, failed = false;
    const finishOne = function* (this: BlockIo): Coroutine<void> {
      const { request, frames } = under.shift()!;
      while (request.status === "pending") yield request.done;
      failed ||= request.status !== "ok";
      held -= frames.length;
      for (const frame of frames) this.#give(frame);
    };
    for (let next = 0; next < pieces.length;) {
      while (held >= FRAMES / 2) yield* finishOne.call(this);
      const { position } = pieces[next];
      const frames: DmaBuffer[] = [], buffers: DmaBuffer[] = [];
      let end = position;
      do {
        const frame = frames.length === 0 ? yield* this.#take() : this.#free.pop()!;
        const { bytes } = pieces[next++];
        const part = frame.bytes.subarray(0, bytes.length);
        part.set(bytes);
        frames.push(frame);
        buffers.push({ address: frame.address, bytes: part });
        end += bytes.length;
        held++;
      } while (
        pieces[next]?.position === end && held < FRAMES / 2 && this.#free.length > 0 &&
        buffers.length < this.disk.maxBuffers && end + FRAME_BYTES - position <= this.disk.maxBytes
      );
      under.push({ request: this.submit("write", position / SECTOR_BYTES, buffers), frames });
    }
    while (under.length > 0) yield* finishOne.call(this);
    if (failed) fail(E.EIO);
  }

  /** Returns when everything written before is on the image. */
  flush(): Coroutine<void> {
    return this.perform("flush", 0, []);
  }

  *#take(): Coroutine<DmaBuffer> {
    while (this.#free.length === 0) yield this.#freed;
    return this.#free.pop()!;
  }

  #give(frame: DmaBuffer): void {
    this.#free.push(frame);
    this.#freed.wakeOne();
  }
}
