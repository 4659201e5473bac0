// Bringing a virtio device up (virtio 1.2, 3.1.1): reset, features, queues, and first of all the
// IOMMU: the device gets a first stage that maps what the driver wants it to reach.
import { Feature, MAGIC, MMIO_VERSION, Register, Status } from "../../hardware/device/virtio.ts";
import type { DeviceRegisters } from "../../hardware/device/register_window.ts";
import type { DomainMemory } from "../environment.ts";
import { FirstStage } from "./first_stage.ts";
import type { Virtqueue } from "./virtqueue.ts";

/** Root, and enough below it for a few ranges of a domain of up to 4 GiB. */
const TABLE_PAGES = 24;

/** A device that does not behave as virtio says cannot be driven: the domain does not start. */
export class ProbeFailed extends Error {
  override name = "ProbeFailed";
}

export class VirtioProbe {
  /** features 0 to 31 that both sides have */
  readonly features: number;
  /** whether the device carries out the requests of a queue one after the other */
  readonly inOrder: boolean;
  readonly #stage: FirstStage;

  /**
   * Resets the device and agrees on features.
   * @param wanted feature bits 0 to 31 that the driver can use
   * @throws ProbeFailed
   */
  constructor(
    private readonly registers: DeviceRegisters,
    memory: DomainMemory,
    deviceId: number,
    wanted: number,
  ) {
    this.#stage = new FirstStage(memory, TABLE_PAGES);
    const found = registers.read32(Register.DEVICE_ID);
    if (
      registers.read32(Register.MAGIC) !== MAGIC ||
      registers.read32(Register.VERSION) !== MMIO_VERSION || found !== deviceId
    ) {
      throw new ProbeFailed(`Cannot drive device ${found}: it is not virtio device ${deviceId}`);
    }
    registers.write32(Register.STATUS, 0);
    registers.write32(Register.STATUS, Status.ACKNOWLEDGE | Status.DRIVER);
    this.features = this.#offered(0) & wanted;
    const transport = Feature.VERSION_1 | Feature.ACCESS_PLATFORM, offered = this.#offered(1);
    this.inOrder = (offered & Feature.IN_ORDER) !== 0;
    if ((offered & transport) !== transport) {
      throw new ProbeFailed("The device does not use the IOMMU");
    }
    this.#accept(0, (this.features | Feature.INDIRECT_DESCRIPTORS) >>> 0);
    this.#accept(1, transport | offered & Feature.IN_ORDER);
    registers.write32(Register.STATUS, Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK);
    if ((registers.read32(Register.STATUS) & Status.FEATURES_OK) === 0) {
      throw new ProbeFailed("The device refused its features");
    }
  }

  #offered(word: number): number {
    this.registers.write32(Register.DEVICE_FEATURES_SELECT, word);
    return this.registers.read32(Register.DEVICE_FEATURES);
  }

  #accept(word: number, features: number): void {
    this.registers.write32(Register.DRIVER_FEATURES_SELECT, word);
    this.registers.write32(Register.DRIVER_FEATURES, features);
  }

  config32(offset: number): number {
    return this.registers.read32(Register.CONFIG + offset);
  }

  /** Tells the device where a queue is. @throws ProbeFailed when it has no such queue or a smaller one */
  setQueue<T>(index: number, queue: Virtqueue<T>): void {
    const { registers } = this;
    registers.write32(Register.QUEUE_SELECT, index);
    const most = registers.read32(Register.QUEUE_SIZE_MAX);
    if (most < queue.size) {
      throw new ProbeFailed(`Queue ${index} has ${most} entries, not ${queue.size}`);
    }
    registers.write32(Register.QUEUE_SIZE, queue.size);
    this.#setAddress(Register.QUEUE_DESCRIPTORS, queue.areas.descriptors.address);
    this.#setAddress(Register.QUEUE_DRIVER, queue.areas.available.address);
    this.#setAddress(Register.QUEUE_DEVICE, queue.areas.used.address);
    registers.write32(Register.QUEUE_READY, 1);
  }

  #setAddress(register: number, address: number): void {
    this.registers.write32(register, address >>> 0);
    this.registers.write32(register + 4, Math.floor(address / 0x1_0000_0000));
  }

  /** Maps the ranges for the device, one to one, and lets it go. */
  begin(ranges: { address: number; sizeBytes: number }[]): void {
    for (const range of ranges) {
      this.#stage.map(range.address, range.address, range.sizeBytes, "write");
    }
    this.#setAddress(Register.FIRST_STAGE_LOW, this.#stage.root);
    this.registers.write32(
      Register.STATUS,
      Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK,
    );
  }
}

/** The ranges of a queue's areas, for {@link VirtioProbe.begin}. */
export function queueRanges<T>(queue: Virtqueue<T>): { address: number; sizeBytes: number }[] {
  return queue.buffers.map((buffer) => ({
    address: buffer.address,
    sizeBytes: buffer.bytes.length,
  }));
}
