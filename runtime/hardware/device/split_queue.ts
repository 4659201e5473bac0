// The device's side of a split virtqueue (virtio 1.2, 2.7), read and written through the IOMMU only.
// The driver may have written anything: a chain that loops, leaves its table or does not translate
// breaks the queue, and the device asks for a reset.
import type { Iommu } from "../iommu/iommu.ts";
import { DESCRIPTOR_BYTES, DescriptorFlag, NO_INTERRUPT } from "./virtio.ts";

/** Buffers of one request, already translated. */
export interface Chain {
  /** index of its head, to be returned when the request is done */
  head: number;
  /** what the driver wrote, in order */
  readable: Uint8Array[];
  /** what the device may write, in order */
  writable: Uint8Array[];
  readableBytes: number;
  writableBytes: number;
}

/** A request that is done, by its head, and how many bytes of its buffers were filled. */
export interface Completion {
  head: number;
  written: number;
}

/** The driver broke the rules of the queue. */
export class QueueBroken extends Error {
  override name = "QueueBroken";
}

/** Where a descriptor pointed, and the memory that this is while translations stay as they are. */
interface Translated {
  address: number;
  length: number;
  write: boolean;
  views: Uint8Array[];
}

/** Room for indirect tables as drivers make them; it grows for longer ones. */
const INDIRECT_BYTES = 258 * DESCRIPTOR_BYTES;
/** Bytes of one request: more cannot be meant seriously. */
const MAX_CHAIN_BYTES = 64 << 20;

export class SplitQueue {
  size = 0;
  ready = false;
  descriptors = 0;
  driver = 0;
  device = 0;
  #nextAvailable = 0;
  #nextUsed = 0;
  #epoch = -1;
  #available!: { flags: Uint16Array; index: Uint16Array; ring: Uint16Array };
  #used!: { index: Uint16Array; words: Uint32Array };
  #table!: DataView;
  /** by descriptor: drivers offer the same buffers again and again */
  #translated: (Translated | undefined)[] = [];
  /** the indirect table of the request that is being taken; memory for one at each costs 0.4 µs */
  #copy = new Uint8Array(INDIRECT_BYTES);
  #copiedTable = new DataView(this.#copy.buffer);

  constructor(private readonly iommu: Iommu, private readonly deviceId: number) {}

  reset(): void {
    this.size = this.#nextAvailable = this.#nextUsed = 0;
    this.ready = false;
    this.descriptors = this.driver = this.device = 0;
    this.#epoch = -1;
  }

  /** requests taken since the reset, modulo 2^16 */
  get taken(): number {
    return this.#nextAvailable;
  }

  /** Whether the driver has made buffers available that were not taken. */
  get pending(): boolean {
    if (!this.ready) return false;
    this.#open();
    return Atomics.load(this.#available.index, 0) !== this.#nextAvailable;
  }

  /**
   * Takes the next request.
   * @returns undefined where there is none
   * @throws QueueBroken
   */
  take(): Chain | undefined {
    if (!this.pending) return undefined;
    const waiting = (Atomics.load(this.#available.index, 0) - this.#nextAvailable) & 0xffff;
    if (waiting > this.size) {
      throw new QueueBroken(`${waiting} buffers available in a queue of ${this.size}`);
    }
    const head = this.#available.ring[this.#nextAvailable % this.size];
    this.#nextAvailable = (this.#nextAvailable + 1) & 0xffff;
    const chain: Chain = { head, readable: [], writable: [], readableBytes: 0, writableBytes: 0 };
    this.#follow(chain, this.#table, this.size, head, true);
    return chain;
  }

  /** Makes the last requests that were taken available again: nothing was done with them. */
  putBack(count: number): void {
    this.#nextAvailable = (this.#nextAvailable - count) & 0xffff;
  }

  /** Gives a request's buffers back, `written` bytes of them filled. */
  complete(head: number, written: number): void {
    this.#enter(head, written);
    Atomics.store(this.#used.index, 0, this.#nextUsed);
  }

  /** Gives the buffers of several requests back at once: the driver sees all of them or none. */
  completeAll(requests: readonly Completion[]): void {
    for (const { head, written } of requests) this.#enter(head, written);
    Atomics.store(this.#used.index, 0, this.#nextUsed);
  }

  /** Whether the driver wants to be interrupted for what was completed (2.7.7). */
  get interruptWanted(): boolean {
    this.#open();
    return (Atomics.load(this.#available.flags, 0) & NO_INTERRUPT) === 0;
  }

  #enter(head: number, written: number): void {
    this.#open();
    const at = (this.#nextUsed % this.size) * 2;
    this.#used.words[at] = head;
    this.#used.words[at + 1] = written;
    this.#nextUsed = (this.#nextUsed + 1) & 0xffff;
  }

  #follow(
    chain: Chain,
    table: DataView,
    entries: number,
    first: number,
    mayIndirect: boolean,
  ): void {
    for (let index = first, steps = 0;; steps++) {
      if (index >= entries) throw new QueueBroken(`descriptor ${index} of ${entries}`);
      if (steps >= entries) throw new QueueBroken("descriptor chain loops");
      const at = index * DESCRIPTOR_BYTES;
      const address = table.getUint32(at + 4, true) * 0x1_0000_0000 + table.getUint32(at, true);
      const length = table.getUint32(at + 8, true);
      const flags = table.getUint16(at + 12, true);
      const next = table.getUint16(at + 14, true);
      if ((flags & DescriptorFlag.INDIRECT) !== 0) {
        if (
          !mayIndirect || (flags & DescriptorFlag.NEXT) !== 0 || length % DESCRIPTOR_BYTES !== 0 ||
          length === 0
        ) {
          throw new QueueBroken("malformed indirect descriptor");
        }
        if (length > 65536 * DESCRIPTOR_BYTES) throw new QueueBroken("indirect table is too large");
        return this.#follow(
          chain,
          this.#copyTable(index, address, length),
          length / DESCRIPTOR_BYTES,
          0,
          false,
        );
      }
      // An indirect table is of one request.
      const known = mayIndirect ? index : undefined;
      this.#append(chain, known, address, length, (flags & DescriptorFlag.WRITE) !== 0);
      if ((flags & DescriptorFlag.NEXT) === 0) return;
      index = next;
    }
  }

  /** @param index of the descriptor, where it is of the queue's own table */
  #view(
    index: number | undefined,
    address: number,
    length: number,
    write: boolean,
  ): Uint8Array[] | undefined {
    if (index === undefined) return this.iommu.view(this.deviceId, address, length, write);
    const known = this.#translated[index];
    if (known?.address === address && known.length === length && known.write === write) {
      return known.views;
    }
    const views = this.iommu.view(this.deviceId, address, length, write);
    if (views !== undefined) this.#translated[index] = { address, length, write, views };
    return views;
  }

  #append(
    chain: Chain,
    index: number | undefined,
    address: number,
    length: number,
    write: boolean,
  ): void {
    if (length === 0) throw new QueueBroken("empty descriptor");
    if (chain.readableBytes + chain.writableBytes + length > MAX_CHAIN_BYTES) {
      throw new QueueBroken("request is too large");
    }
    if (!write && chain.writableBytes > 0) {
      throw new QueueBroken("readable buffer after a writable one");
    }
    const views = this.#view(index, address, length, write);
    if (views === undefined) {
      throw new QueueBroken(`buffer at 0x${address.toString(16)} does not translate`);
    }
    if (write) {
      chain.writable.push(...views);
      chain.writableBytes += length;
    } else {
      chain.readable.push(...views);
      chain.readableBytes += length;
    }
  }

  /** An indirect table is copied before it is read, so that it cannot change under the checks. */
  #copyTable(index: number, address: number, length: number): DataView {
    const views = this.#view(index, address, length, false);
    if (views === undefined) {
      throw new QueueBroken(`indirect table at 0x${address.toString(16)} does not translate`);
    }
    if (length > this.#copy.length) {
      this.#copy = new Uint8Array(length);
      this.#copiedTable = new DataView(this.#copy.buffer);
    }
    let at = 0;
    for (const view of views) {
      this.#copy.set(view, at);
      at += view.length;
    }
    return this.#copiedTable;
  }

  /** Views of the three areas, translated again whenever the IOMMU's tables may have changed. */
  #open(): void {
    if (this.#epoch === this.iommu.epoch) return;
    const area = (
      address: number,
      length: number,
      write: boolean,
      alignment: number,
    ): Uint8Array => {
      const views = address % alignment === 0
        ? this.iommu.view(this.deviceId, address, length, write)
        : undefined;
      if (views?.length !== 1) {
        throw new QueueBroken(`queue area at 0x${address.toString(16)} does not translate`);
      }
      return views[0];
    };
    const epoch = this.iommu.epoch;
    this.#translated = [];
    const table = area(this.descriptors, this.size * DESCRIPTOR_BYTES, false, 16);
    const available = area(this.driver, 6 + 2 * this.size, false, 4);
    const used = area(this.device, 6 + 8 * this.size, true, 4);
    this.#table = new DataView(table.buffer, table.byteOffset, table.length);
    this.#available = {
      flags: new Uint16Array(available.buffer, available.byteOffset, 1),
      index: new Uint16Array(available.buffer, available.byteOffset + 2, 1),
      ring: new Uint16Array(available.buffer, available.byteOffset + 4, this.size),
    };
    this.#used = {
      index: new Uint16Array(used.buffer, used.byteOffset + 2, 1),
      words: new Uint32Array(used.buffer, used.byteOffset + 4, this.size * 2),
    };
    this.#epoch = epoch;
  }
}
