// The registers of a device whose driver goes wild on demand: it sees where the virtqueues of the driver are
// (virtio 1.2, 4.2.2), and then has their descriptors point at memory of somebody else. Whether that is
// reached is the IOMMU's business.
import type { DeviceRegisters } from "../device/register_window.ts";
import { DESCRIPTOR_BYTES, Register } from "../device/virtio.ts";

interface Queue {
  size: number;
  /** address of its descriptor table */
  low: number;
  high: number;
}

export class WildRegisters implements DeviceRegisters {
  readonly #queues = new Map<number, Queue>();
  readonly #memory: DataView;
  #selected = 0;
  /** where all descriptors point once the driver is wild */
  #target: number | undefined;

  /** @param base physical address of the domain's memory */
  constructor(
    private readonly registers: DeviceRegisters,
    memory: ArrayBufferLike,
    private readonly base: number,
  ) {
    this.#memory = new DataView(memory);
  }

  /** From here on the device is given addresses that are not the domain's. */
  goWild(target: number): void {
    this.#target = target;
    for (const queue of this.#queues.keys()) this.#scribble(queue);
    // The device looks at what it was offered.
    for (const queue of this.#queues.keys()) this.registers.notify(queue);
  }

  read32(offset: number): number {
    return this.registers.read32(offset);
  }

  write32(offset: number, value: number): void {
    this.registers.write32(offset, value);
    if (offset === Register.QUEUE_SELECT) this.#selected = value;
    const queue = this.#queues.get(this.#selected) ?? { size: 0, low: 0, high: 0 };
    if (offset === Register.QUEUE_SIZE) queue.size = value;
    else if (offset === Register.QUEUE_DESCRIPTORS) queue.low = value;
    else if (offset === Register.QUEUE_DESCRIPTORS + 4) queue.high = value;
    else return;
    this.#queues.set(this.#selected, queue);
  }

  notify(queue: number): void {
    if (this.#target !== undefined) this.#scribble(queue);
    this.registers.notify(queue);
  }

  takeInterrupt(): boolean {
    return this.registers.takeInterrupt();
  }

  get interrupted(): boolean {
    return this.registers.interrupted;
  }

  #scribble(index: number): void {
    const queue = this.#queues.get(index);
    if (queue === undefined) return;
    const table = queue.high * 2 ** 32 + queue.low - this.base;
    for (let entry = 0; entry < queue.size; entry++) {
      const at = table + entry * DESCRIPTOR_BYTES;
      this.#memory.setUint32(at, this.#target! >>> 0, true);
      this.#memory.setUint32(at + 4, Math.floor(this.#target! / 2 ** 32), true);
    }
  }
}
