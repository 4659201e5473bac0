// The driver's side of a split virtqueue (virtio 1.2, 2.7). Requests of several segments use indirect
// descriptors, so that each takes one entry of the queue however scattered its buffers are. What the device writes is
// checked: an id that is not outstanding, or a length beyond the buffers, breaks the queue.
import { DESCRIPTOR_BYTES, DescriptorFlag, NO_INTERRUPT } from "../../hardware/device/virtio.ts";
import type { DmaBuffer, DomainMemory } from "../environment.ts";

/** A piece of DMA memory, by address and length. */
export interface Segment {
  address: number;
  length: number;
}

/** The device wrote what it must not; it is not to be used any more. */
export class DeviceBroken extends Error {
  override name = "DeviceBroken";
}

export class Virtqueue<T> {
  /** device-readable and device-writable segments that one request may have */
  readonly maxSegments: number;
  readonly areas: { descriptors: DmaBuffer; available: DmaBuffer; used: DmaBuffer };
  /** everything of it that the device must reach */
  readonly buffers: DmaBuffer[];
  readonly #table: DataView;
  readonly #availableFlags: Uint16Array;
  readonly #availableIndex: Uint16Array;
  readonly #availableRing: Uint16Array;
  readonly #usedIndex: Uint16Array;
  readonly #usedWords: Uint32Array;
  readonly #indirect: DmaBuffer;
  readonly #indirectView: DataView;
  readonly #outstanding: (T | undefined)[];
  readonly #writable: Float64Array;
  readonly #free: number[];
  #nextAvailable = 0;
  #lastUsed = 0;

  /** @param size entries, a power of two @param maxSegments for each request */
  constructor(memory: DomainMemory, readonly size: number, maxSegments: number) {
    this.maxSegments = maxSegments;
    const descriptors = memory.allocate(size * DESCRIPTOR_BYTES);
    const available = memory.allocate(6 + 2 * size);
    const used = memory.allocate(6 + 8 * size);
    this.areas = { descriptors, available, used };
    this.#indirect = memory.allocate(size * maxSegments * DESCRIPTOR_BYTES);
    this.buffers = [descriptors, available, used, this.#indirect];
    this.#table = view(descriptors);
    this.#indirectView = view(this.#indirect);
    this.#availableFlags = new Uint16Array(available.bytes.buffer, available.bytes.byteOffset, 1);
    this.#availableIndex = new Uint16Array(
      available.bytes.buffer,
      available.bytes.byteOffset + 2,
      1,
    );
    this.#availableRing = new Uint16Array(
      available.bytes.buffer,
      available.bytes.byteOffset + 4,
      size,
    );
    this.#usedIndex = new Uint16Array(used.bytes.buffer, used.bytes.byteOffset + 2, 1);
    this.#usedWords = new Uint32Array(used.bytes.buffer, used.bytes.byteOffset + 4, 2 * size);
    this.#outstanding = new Array(size).fill(undefined);
    this.#writable = new Float64Array(size);
    this.#free = Array.from({ length: size }, (_, index) => size - 1 - index);
  }

  /** whether another request can be added */
  get hasRoom(): boolean {
    return this.#free.length > 0;
  }

  /** requests that were added, modulo 2^16 */
  get added(): number {
    return this.#nextAvailable;
  }

  /** requests that are not completed */
  get outstanding(): number {
    return this.size - this.#free.length;
  }

  /** Says whether completions are worth an interrupt. Look for some after asking for them. */
  set interrupts(wanted: boolean) {
    Atomics.store(this.#availableFlags, 0, wanted ? 0 : NO_INTERRUPT);
  }

  /** Makes a request available to the device; `token` comes back with its completion. */
  add(token: T, readable: Segment[], writable: Segment[]): void {
    const head = this.#free.pop()!;
    const count = readable.length + writable.length;
    if (count === 0 || count > this.maxSegments) {
      throw new RangeError(`${count} segments in a request of ${this.maxSegments}`);
    }
    let writableBytes = 0;
    for (const segment of writable) writableBytes += segment.length;
    if (count === 1) {
      const at = head * DESCRIPTOR_BYTES;
      if (readable.length === 1) writeDescriptor(this.#table, at, readable[0], 0, 0);
      else writeDescriptor(this.#table, at, writable[0], DescriptorFlag.WRITE, 0);
    } else this.#addIndirect(head, readable, writable);
    this.#outstanding[head] = token;
    this.#writable[head] = writableBytes;
    this.#availableRing[this.#nextAvailable % this.size] = head;
    this.#nextAvailable = (this.#nextAvailable + 1) & 0xffff;
    Atomics.store(this.#availableIndex, 0, this.#nextAvailable);
  }

  #addIndirect(head: number, readable: Segment[], writable: Segment[]): void {
    const count = readable.length + writable.length;
    let index = 0;
    for (const segment of readable) this.#describe(head, index++, count, segment, 0);
    for (const segment of writable) {
      this.#describe(head, index++, count, segment, DescriptorFlag.WRITE);
    }
    const table = {
      address: this.#indirect.address + head * this.maxSegments * DESCRIPTOR_BYTES,
      length: count * DESCRIPTOR_BYTES,
    };
    writeDescriptor(this.#table, head * DESCRIPTOR_BYTES, table, DescriptorFlag.INDIRECT, 0);
  }

  #describe(head: number, index: number, count: number, segment: Segment, flags: number): void {
    const last = index === count - 1;
    const at = (head * this.maxSegments + index) * DESCRIPTOR_BYTES;
    writeDescriptor(
      this.#indirectView,
      at,
      segment,
      flags | (last ? 0 : DescriptorFlag.NEXT),
      last ? 0 : index + 1,
    );
  }

  /**
   * Takes every completion.
   * @param done gets the request's token and how many bytes the device says it wrote
   * @returns how many
   * @throws DeviceBroken
   */
  takeUsed(done: (token: T, written: number) => void): number {
    const count = (Atomics.load(this.#usedIndex, 0) - this.#lastUsed) & 0xffff;
    if (count === 0) return 0;
    if (count > this.outstanding) {
      throw new DeviceBroken(`${count} completions of ${this.outstanding} requests`);
    }
    for (let taken = 0; taken < count; taken++) {
      const at = (this.#lastUsed % this.size) * 2;
      const head = this.#usedWords[at], written = this.#usedWords[at + 1];
      const token = head < this.size ? this.#outstanding[head] : undefined;
      if (token === undefined) {
        throw new DeviceBroken(`completion of request ${head}, which is not outstanding`);
      }
      if (written > this.#writable[head]) {
        throw new DeviceBroken(`${written} bytes written into ${this.#writable[head]}`);
      }
      this.#lastUsed = (this.#lastUsed + 1) & 0xffff;
      this.#outstanding[head] = undefined;
      this.#free.push(head);
      done(token, written);
    }
    return count;
  }
}

function view(buffer: DmaBuffer): DataView {
  return new DataView(buffer.bytes.buffer, buffer.bytes.byteOffset, buffer.bytes.length);
}

function writeDescriptor(
  table: DataView,
  at: number,
  segment: Segment,
  flags: number,
  next: number,
): void {
  table.setUint32(at, segment.address >>> 0, true);
  table.setUint32(at + 4, Math.floor(segment.address / 0x1_0000_0000), true);
  table.setUint32(at + 8, segment.length, true);
  table.setUint16(at + 12, flags, true);
  table.setUint16(at + 14, next, true);
}
