// Buffers that a network device fills (virtio 1.2, 5.1.6.4): small ones, several of which hold a large frame.
// They are offered in the order in which they lie in memory, so that such a frame mostly lies in one piece.
import { Net, readReceiveHeader } from "../../hardware/device/virtio_net_header.ts";
import type { DmaBuffer, DomainMemory } from "../environment.ts";
import { DeviceBroken, Virtqueue } from "./virtqueue.ts";

/** A frame of the usual size takes one, the largest nine. */
const MERGED_BYTES = 8192;
const MERGED_COUNT = 128;
/** Without merging, every buffer has to hold the largest frame. */
const WHOLE_BYTES = 17 * 4096;
const WHOLE_COUNT = 16;

interface Filled {
  buffer: number;
  written: number;
}

export class ReceiveBuffers {
  readonly queue: Virtqueue<number>;
  readonly memory: DmaBuffer;
  readonly #bytesEach: number;
  readonly #count: number;
  /** buffers of the frame that is being put together */
  readonly #filled: Filled[] = [];
  #expected = 0;

  /** @param merged whether the device puts large frames into several buffers */
  constructor(memory: DomainMemory, private readonly merged: boolean) {
    this.#bytesEach = merged ? MERGED_BYTES : WHOLE_BYTES;
    this.#count = merged ? MERGED_COUNT : WHOLE_COUNT;
    this.queue = new Virtqueue(memory, this.#count, 1);
    this.memory = memory.allocate(this.#bytesEach * this.#count);
  }

  offerAll(): void {
    for (let buffer = 0; buffer < this.#count; buffer++) this.#offer(buffer);
  }

  #offer(buffer: number): void {
    const address = this.memory.address + buffer * this.#bytesEach;
    this.queue.add(buffer, [], [{ address, length: this.#bytesEach }]);
  }

  /**
   * Takes what was received, and offers the buffers again.
   * @returns how many buffers that were
   * @throws DeviceBroken
   */
  takeFrames(take: (frame: Uint8Array, header: Uint8Array) => void): number {
    return this.queue.takeUsed((buffer, written) => {
      const filled = this.#filled;
      if (filled.length === 0) this.#expected = this.#expect(buffer, written);
      filled.push({ buffer, written });
      if (filled.length < this.#expected) return;
      const bytes = this.#gather();
      if (bytes.length >= Net.HEADER_BYTES) {
        take(bytes.subarray(Net.HEADER_BYTES), bytes.subarray(0, Net.HEADER_BYTES));
      }
      for (const each of filled) this.#offer(each.buffer);
      filled.length = 0;
    });
  }

  /** How many buffers the frame that begins here has. */
  #expect(buffer: number, written: number): number {
    if (!this.merged || written === 0) return 1;
    const at = buffer * this.#bytesEach;
    const header = this.memory.bytes.subarray(at, at + Net.HEADER_BYTES);
    const { buffers } = readReceiveHeader(header);
    if (written < Net.HEADER_BYTES || buffers < 1 || buffers > this.#count) {
      throw new DeviceBroken(`a frame of ${buffers} buffers, ${written} bytes in the first`);
    }
    return buffers;
  }

  /** The frame in one piece: where it lies, where its buffers follow each other. */
  #gather(): Uint8Array {
    const filled = this.#filled, each = this.#bytesEach;
    if (filled.length === 1) {
      const [{ buffer, written }] = filled;
      return this.memory.bytes.subarray(buffer * each, buffer * each + written);
    }
    const total = filled.reduce((sum, { written }) => sum + written, 0);
    const at = filled[0].buffer * each;
    const adjacent = filled.every(({ buffer, written }, index) =>
      buffer === filled[0].buffer + index && (index === filled.length - 1 || written === each)
    );
    if (adjacent) return this.memory.bytes.subarray(at, at + total);
    const bytes = new Uint8Array(total);
    let done = 0;
    for (const { buffer, written } of filled) {
      bytes.set(this.memory.bytes.subarray(buffer * each, buffer * each + written), done);
      done += written;
    }
    return bytes;
  }
}
