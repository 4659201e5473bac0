// What all virtio devices have in common: the MMIO registers, feature negotiation, queues, reset.
// A model says what its features and configuration are and what to do with a request.
import { type Recorder, silent, TraceEvent } from "../../trace/recorder.ts";
import type { Iommu } from "../iommu/iommu.ts";
import type { RegisterFile, WindowPort } from "./register_window.ts";
import { type Chain, type Completion, QueueBroken, SplitQueue } from "./split_queue.ts";
import { Feature, MAGIC, MMIO_VERSION, Register, Status, VENDOR } from "./virtio.ts";

/** The part that differs between devices. */
export interface DeviceModel {
  readonly deviceId: number;
  readonly queues: number;
  readonly queueSize: number;
  /** feature bits 0 to 31; those of the transport are added */
  readonly features: number;
  /** whether it carries out the requests of a queue one after the other, and offers to say so */
  readonly inOrder?: boolean;
  /** the configuration space */
  readonly config: Uint8Array;
  /**
   * Carries out a request of a queue.
   * @returns bytes written to its buffers
   */
  request(queue: number, chain: Chain): number;
  /** forgets what it holds of the driver */
  reset(): void;
  /** whether a queue's buffers wait for something to put into them, instead of being served at once */
  keeps?(queue: number): boolean;
  /** work that is not an answer to a notification, such as input; @returns whether there was any */
  poll?(device: VirtioDevice): boolean;
}

/** What the hypervisor does for a driver, about the context of its own device. */
export interface ContextCalls {
  setFirstStage(root: number): void;
  invalidate(): void;
}

export class VirtioDevice implements RegisterFile {
  readonly queues: SplitQueue[];
  #port: WindowPort | undefined;
  #status = 0;
  #queue = 0;
  #deviceFeaturesWord = 0;
  #driverFeaturesWord = 0;
  readonly #driverFeatures = new Uint32Array(2);
  #firstStageLow = 0;

  /**
   * @param id IOMMU device id
   * @param log told what a driver did wrong
   * @param trace takes what the device does, where somebody wants to know
   */
  constructor(
    readonly name: string,
    readonly id: number,
    readonly model: DeviceModel,
    iommu: Iommu,
    private readonly context: ContextCalls,
    private readonly log: (line: string) => void,
    private readonly trace: Recorder = silent,
  ) {
    this.queues = Array.from({ length: model.queues }, () => new SplitQueue(iommu, id));
  }

  /** Connects the device to the window of the domain that drives it now; undefined takes it away. */
  attach(port: WindowPort | undefined): void {
    this.#port = port;
    this.#reset();
  }

  /** Whether the driver wants a feature (bits 0 to 31). */
  accepted(feature: number): boolean {
    return (this.#driverFeatures[0] & feature) !== 0;
  }

  /** The features that the driver wants (bits 0 to 31). */
  get acceptedFeatures(): number {
    return this.#driverFeatures[0];
  }

  /** Does what there is to do. @returns whether there was anything */
  poll(): boolean {
    if (this.#port === undefined) return false;
    let worked = this.#port.serve(this);
    if ((this.#status & Status.DRIVER_OK) === 0 || (this.#status & Status.NEEDS_RESET) !== 0) {
      return worked;
    }
    for (let queue = 0; queue < this.queues.length; queue++) {
      if (this.#port.takeNotify(queue)) {
        worked = true;
        this.#guard(() => this.#serveQueue(queue));
      }
    }
    if (this.model.poll?.(this)) worked = true;
    return worked;
  }

  /** Whether `poll` has something to do. */
  get pending(): boolean {
    return this.#port?.pending(this.queues.length) ?? false;
  }

  /** Completes a request that the model kept, and interrupts. */
  complete(queue: number, head: number, written: number): void {
    this.#guard(() => this.queues[queue].complete(head, written));
    this.#port?.interrupt();
  }

  /** Completes several requests at once, with one interrupt where the driver wants any. */
  completeAll(queue: number, requests: readonly Completion[]): void {
    if (requests.length === 0) return;
    let interrupt = true;
    this.#guard(() => {
      this.queues[queue].completeAll(requests);
      interrupt = this.queues[queue].interruptWanted;
    });
    if (interrupt) this.#port?.interrupt();
  }

  /** Takes a buffer that the driver offered, for what comes by itself; undefined where there is none. */
  take(queue: number): Chain | undefined {
    if ((this.#status & Status.DRIVER_OK) === 0 || (this.#status & Status.NEEDS_RESET) !== 0) {
      return undefined;
    }
    let chain: Chain | undefined;
    this.#guard(() => chain = this.queues[queue].take());
    return chain;
  }

  /** Gives back the last requests that were taken: nothing was done with them. */
  putBack(queue: number, count: number): void {
    this.queues[queue].putBack(count);
  }

  /** Whether the driver offers a buffer that was not taken. */
  offers(queue: number): boolean {
    if ((this.#status & Status.DRIVER_OK) === 0 || (this.#status & Status.NEEDS_RESET) !== 0) {
      return false;
    }
    let offered = false;
    this.#guard(() => offered = this.queues[queue].pending);
    return offered;
  }

  #serveQueue(index: number): void {
    if (this.model.keeps?.(index)) return;
    const queue = this.queues[index];
    let completed = false;
    for (let chain = queue.take(); chain !== undefined; chain = queue.take()) {
      const place = (queue.taken - 1) & 0xffff;
      if (this.trace.on) this.trace.record(TraceEvent.SERVE, this.id, place, index);
      const written = this.model.request(index, chain);
      if (this.trace.on) this.trace.record(TraceEvent.SERVE_END, this.id, place, index, written);
      queue.complete(chain.head, written);
      completed = true;
    }
    if (completed) this.#port?.interrupt();
  }

  /** A queue that its driver broke stops the device until it is reset; the host goes on. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (failure) {
      if (!(failure instanceof QueueBroken)) throw failure;
      this.log(`${this.name}: ${failure.message}`);
      this.#status |= Status.NEEDS_RESET;
      this.#port?.interrupt();
    }
  }

  #reset(): void {
    this.#status =
      this.#queue =
      this.#deviceFeaturesWord =
      this.#driverFeaturesWord =
        0;
    this.#driverFeatures.fill(0);
    for (const queue of this.queues) queue.reset();
    this.model.reset();
  }

  #features(word: number): number {
    if (word === 0) return (this.model.features | Feature.INDIRECT_DESCRIPTORS) >>> 0;
    if (word !== 1) return 0;
    return Feature.VERSION_1 | Feature.ACCESS_PLATFORM |
      (this.model.inOrder ? Feature.IN_ORDER : 0);
  }

  read32(offset: number): number {
    const queue = this.queues[this.#queue];
    if (offset >= Register.CONFIG && offset < Register.CONFIG + 0x100) {
      return this.#readConfig(offset - Register.CONFIG);
    }
    switch (offset) {
      case Register.MAGIC:
        return MAGIC;
      case Register.VERSION:
        return MMIO_VERSION;
      case Register.DEVICE_ID:
        return this.model.deviceId;
      case Register.VENDOR_ID:
        return VENDOR;
      case Register.DEVICE_FEATURES:
        return this.#features(this.#deviceFeaturesWord);
      case Register.QUEUE_SIZE_MAX:
        return queue === undefined ? 0 : this.model.queueSize;
      case Register.QUEUE_READY:
        return queue?.ready ? 1 : 0;
      case Register.STATUS:
        return this.#status;
      default:
        return 0;
    }
  }

  #readConfig(offset: number): number {
    let value = 0;
    for (let byte = 3; byte >= 0; byte--) {
      value = value << 8 | (this.model.config[offset + byte] ?? 0);
    }
    return value >>> 0;
  }

  write32(offset: number, value: number): void {
    const queue = this.queues[this.#queue];
    switch (offset) {
      case Register.DEVICE_FEATURES_SELECT:
        this.#deviceFeaturesWord = value;
        return;
      case Register.DRIVER_FEATURES_SELECT:
        this.#driverFeaturesWord = value;
        return;
      case Register.DRIVER_FEATURES:
        if (this.#driverFeaturesWord < 2) this.#driverFeatures[this.#driverFeaturesWord] = value;
        return;
      case Register.QUEUE_SELECT:
        this.#queue = value;
        return;
      case Register.STATUS:
        return this.#setStatus(value);
      case Register.FIRST_STAGE_LOW:
        this.#firstStageLow = value;
        return;
      case Register.FIRST_STAGE_HIGH:
        return this.context.setFirstStage(value * 0x1_0000_0000 + this.#firstStageLow);
      case Register.INVALIDATE:
        return this.context.invalidate();
    }
    if (queue === undefined || queue.ready && offset !== Register.QUEUE_READY) return;
    switch (offset) {
      case Register.QUEUE_SIZE:
        if (value > 0 && value <= this.model.queueSize && (value & (value - 1)) === 0) {
          queue.size = value;
        }
        return;
      case Register.QUEUE_READY:
        queue.ready = value === 1 && queue.size > 0;
        return;
      case Register.QUEUE_DESCRIPTORS:
      case Register.QUEUE_DESCRIPTORS + 4:
        queue.descriptors = setWord(queue.descriptors, offset, value);
        return;
      case Register.QUEUE_DRIVER:
      case Register.QUEUE_DRIVER + 4:
        queue.driver = setWord(queue.driver, offset, value);
        return;
      case Register.QUEUE_DEVICE:
      case Register.QUEUE_DEVICE + 4:
        queue.device = setWord(queue.device, offset, value);
    }
  }

  #setStatus(value: number): void {
    if (value === 0) return this.#reset();
    let status = value & 0xff;
    // FEATURES_OK stays clear when the driver asks for what was not offered, or not for VERSION_1.
    const offered = [0, 1].every((word) =>
      (this.#driverFeatures[word] & ~this.#features(word)) === 0
    );
    if (!offered || (this.#driverFeatures[1] & Feature.VERSION_1) === 0) {
      status &= ~Status.FEATURES_OK;
    }
    this.#status = status | this.#status & Status.NEEDS_RESET;
  }
}

/** An address with its low (offset divisible by 8) or high word replaced. */
function setWord(address: number, offset: number, value: number): number {
  return offset % 8 === 0
    ? Math.floor(address / 0x1_0000_0000) * 0x1_0000_0000 + value
    : value * 0x1_0000_0000 + address % 0x1_0000_0000;
}
