// The disk driver: block requests to virtio-blk (virtio 1.2, 5.2). Many requests are outstanding at a
// time; what does not fit into the queue waits here. The device may transfer to and from all of the
// domain's memory behind its queues, which is where the page cache is.
import { Block, DeviceId } from "../../hardware/device/virtio.ts";
import type { BlockDevice, BlockRequest } from "../block/block_device.ts";
import { TraceEvent } from "../../trace/recorder.ts";
import type { Component } from "../component.ts";
import type { DmaBuffer, Environment } from "../environment.ts";
import type { DeviceAttachment } from "./device_attachment.ts";
import { queueRanges, VirtioProbe } from "./virtio_probe.ts";
import { type Segment, Virtqueue } from "./virtqueue.ts";

const QUEUE_SIZE = 64;
/** Data buffers of one request: 1 MiB of single pages. */
const MAX_BUFFERS = 256;
const MAX_BYTES = 1 << 20;
/** Requests and bytes outstanding up to which the answer is imminent, unless the host's disk has to be waited for. */
const FEW_REQUESTS = 4;
const FEW_BYTES = 64 << 10;
/** Header (16), discard segment (16), status (1), padded. */
const SLOT_BYTES = 64;
const DISCARD_OFFSET = 16;
const STATUS_OFFSET = 32;
const NOT_WRITTEN = 0xff;

interface Outstanding {
  request: BlockRequest;
  slot: number;
  /** among all of the queue, by which traces know it */
  place: number;
  bytes: number;
}

/** One that waits for room in the queue, and whose work it is. */
interface Waiting {
  request: BlockRequest;
  context: number;
}

class VirtioBlkDriver implements BlockDevice {
  readonly sectors: number;
  readonly readOnly: boolean;
  readonly flushes: boolean;
  readonly discards: boolean;
  readonly inOrder: boolean;
  readonly maxBuffers = MAX_BUFFERS;
  readonly maxBytes = MAX_BYTES;
  readonly #queue: Virtqueue<Outstanding>;
  readonly #slots: DmaBuffer;
  readonly #slotView: DataView;
  readonly #freeSlots: number[];
  readonly #waiting: Waiting[] = [];
  #outstandingBytes = 0;
  readonly #probe: VirtioProbe;

  constructor(
    private readonly environment: Environment,
    private readonly attachment: DeviceAttachment,
  ) {
    const wanted = Block.FEATURE_SEG_MAX | Block.FEATURE_RO | Block.FEATURE_FLUSH |
      Block.FEATURE_DISCARD |
      Block.FEATURE_WRITE_ZEROES;
    const probe = this.#probe = new VirtioProbe(
      attachment.registers,
      environment.memory,
      DeviceId.BLOCK,
      wanted,
    );
    this.inOrder = probe.inOrder;
    this.sectors = probe.config32(4) * 0x1_0000_0000 + probe.config32(0);
    this.readOnly = (probe.features & Block.FEATURE_RO) !== 0;
    this.flushes = (probe.features & Block.FEATURE_FLUSH) !== 0;
    this.discards = (probe.features & Block.FEATURE_DISCARD) !== 0;
    this.#queue = new Virtqueue(environment.memory, QUEUE_SIZE, MAX_BUFFERS + 2);
    this.#slots = environment.memory.allocate(QUEUE_SIZE * SLOT_BYTES);
    this.#slotView = new DataView(
      this.#slots.bytes.buffer,
      this.#slots.bytes.byteOffset,
      this.#slots.bytes.length,
    );
    this.#freeSlots = Array.from({ length: QUEUE_SIZE }, (_, index) => index);
    attachment.onInterrupt = () => this.#complete();
  }

  /** Lets the device go. What it may reach begins with its own queue and ends with the domain's memory. */
  begin(): void {
    const { memory } = this.environment;
    const start = queueRanges(this.#queue)[0].address;
    this.#probe.setQueue(0, this.#queue);
    this.#probe.begin([{ address: start, sizeBytes: memory.base + memory.bytes.length - start }]);
  }

  submit(request: BlockRequest): void {
    request.status = "pending";
    if (request.operation === "flush" && !this.flushes) return this.#settle(request, "ok");
    if (
      (request.operation === "discard" || request.operation === "write-zeroes") && !this.discards
    ) {
      return this.#settle(request, "unsupported");
    }
    const { context } = this.environment.tasks;
    if (this.#queue.hasRoom && this.#waiting.length === 0) this.#start(request, context);
    else this.#waiting.push({ request, context });
  }

  #start(request: BlockRequest, context: number): void {
    const slot = this.#freeSlots.pop()!;
    const at = slot * SLOT_BYTES;
    const address = this.#slots.address + at;
    const view = this.#slotView;
    view.setUint32(at, types[request.operation], true);
    view.setUint32(at + 4, 0, true);
    const sector = request.operation === "read" || request.operation === "write"
      ? request.sector
      : 0;
    view.setUint32(at + 8, sector >>> 0, true);
    view.setUint32(at + 12, Math.floor(sector / 0x1_0000_0000), true);
    view.setUint8(at + STATUS_OFFSET, NOT_WRITTEN);
    const readable: Segment[] = [{ address, length: Block.HEADER_BYTES }];
    const writable: Segment[] = [];
    if (request.operation === "discard" || request.operation === "write-zeroes") {
      view.setUint32(at + DISCARD_OFFSET, request.sector >>> 0, true);
      view.setUint32(at + DISCARD_OFFSET + 4, Math.floor(request.sector / 0x1_0000_0000), true);
      view.setUint32(at + DISCARD_OFFSET + 8, request.sectors, true);
      view.setUint32(at + DISCARD_OFFSET + 12, 0, true);
      readable.push({ address: address + DISCARD_OFFSET, length: 16 });
    }
    const data = request.operation === "read" ? writable : readable;
    for (const buffer of request.buffers) {
      const last = data.at(-1);
      if (
        last !== undefined && last.address + last.length === buffer.address
      ) last.length += buffer.bytes.length;
      else data.push({ address: buffer.address, length: buffer.bytes.length });
    }
    writable.push({ address: address + STATUS_OFFSET, length: 1 });
    const place = this.#queue.added;
    const bytes = request.buffers.reduce((sum, buffer) => sum + buffer.bytes.length, 0);
    const { trace } = this.environment.tasks;
    if (trace.on) {
      // Before the device can see it, so that it is not told of later than what the device does.
      const { id } = this.attachment;
      trace.record(TraceEvent.REQUEST, id, place, types[request.operation], context, bytes);
    }
    this.#queue.add({ request, slot, place, bytes }, readable, writable);
    this.#outstandingBytes += bytes;
    this.#noteImminence();
    this.attachment.registers.notify(0);
  }

  #complete(): number {
    const { trace } = this.environment.tasks;
    const count = this.#queue.takeUsed(({ request, slot, place, bytes }) => {
      if (trace.on) trace.record(TraceEvent.REQUEST_END, this.attachment.id, place);
      const status = this.#slotView.getUint8(slot * SLOT_BYTES + STATUS_OFFSET);
      this.#freeSlots.push(slot);
      this.#outstandingBytes -= bytes;
      this.#settle(
        request,
        status === Block.OK ? "ok" : status === Block.UNSUPP ? "unsupported" : "io-error",
      );
    });
    while (this.#waiting.length > 0 && this.#queue.hasRoom) {
      const { request, context } = this.#waiting.shift()!;
      this.#start(request, context);
    }
    this.#noteImminence();
    return count;
  }

  #noteImminence(): void {
    const { outstanding } = this.#queue;
    this.attachment.imminent = outstanding > 0 && outstanding <= FEW_REQUESTS &&
      this.#outstandingBytes <= FEW_BYTES;
  }

  #settle(request: BlockRequest, status: BlockRequest["status"]): void {
    request.status = status;
    request.done.wakeAll();
  }
}

const types = {
  "read": Block.IN,
  "write": Block.OUT,
  "flush": Block.FLUSH,
  "discard": Block.DISCARD,
  "write-zeroes": Block.WRITE_ZEROES,
} as const;

export function createVirtioBlk(
  environment: Environment,
  _needs: Record<string, unknown>,
  settings: Record<string, unknown>,
): Component {
  const driver = new VirtioBlkDriver(environment, settings.attachment as DeviceAttachment);
  driver.begin();
  return { provides: { disk: driver } };
}
