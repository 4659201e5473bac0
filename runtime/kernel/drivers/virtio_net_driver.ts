// The network driver (virtio 1.2, 5.1): provides `frames`. What is sent is written straight into memory of
// the transmit queue; what is received is looked at where the device put it. The device is told of new
// buffers once a turn of the loop, and interrupts for sent frames only while somebody waits for room.
import { DeviceId } from "../../hardware/device/virtio.ts";
import { Net, readReceiveHeader, writeHeader } from "../../hardware/device/virtio_net_header.ts";
import type { ComponentConstructor } from "../component.ts";
import type { DmaBuffer, Environment } from "../environment.ts";
import type { FrameDevice, TransmitOffload } from "../network/frame_device.ts";
import type { DeviceAttachment } from "./device_attachment.ts";
import { ReceiveBuffers } from "./receive_buffers.ts";
import { type Stretch, TransmitArena } from "./transmit_arena.ts";
import { queueRanges, VirtioProbe } from "./virtio_probe.ts";
import { Virtqueue } from "./virtqueue.ts";

const QUEUE_SIZE = 256;
/** Some of the largest frames, or several hundred of the usual ones. */
const TRANSMIT_BYTES = 1 << 20;
/** Frames that were sent and whose memory is not looked after yet: so many are worth a look. */
const LAZY_FRAMES = QUEUE_SIZE / 2;
const WANTED = Net.FEATURE_CSUM | Net.FEATURE_GUEST_CSUM | Net.FEATURE_MTU | Net.FEATURE_MAC |
  Net.FEATURE_GUEST_TSO4 | Net.FEATURE_GUEST_TSO6 | Net.FEATURE_HOST_TSO4 |
  Net.FEATURE_HOST_TSO6 | Net.FEATURE_MRG_RXBUF;
const SEGMENTS = Net.FEATURE_HOST_TSO4 | Net.FEATURE_HOST_TSO6;
const ETHERNET_MTU = 1500;

class VirtioNetDriver implements FrameDevice {
  readonly mac = new Uint8Array(6);
  readonly mtu: number;
  readonly checksumsSent: boolean;
  readonly segmentsSent: boolean;
  received: FrameDevice["received"] = () => {};
  writable: FrameDevice["writable"] = () => {};
  readonly #transmitQueue: Virtqueue<Stretch>;
  readonly #transmitMemory: DmaBuffer;
  readonly #arena = new TransmitArena(TRANSMIT_BYTES);
  readonly #buffers: ReceiveBuffers;
  #blocked = false;
  #sent = false;

  constructor(environment: Environment, private readonly attachment: DeviceAttachment) {
    const { memory } = environment;
    const probe = new VirtioProbe(attachment.registers, memory, DeviceId.NETWORK, WANTED);
    const has = (features: number) => (probe.features & features) === features;
    const config = [0, 4, 8].map((at) => probe.config32(at));
    for (let index = 0; index < 6; index++) {
      this.mac[index] = config[index >> 2] >>> 8 * (index & 3);
    }
    this.mtu = has(Net.FEATURE_MTU) ? config[2] >>> 16 : ETHERNET_MTU;
    this.checksumsSent = has(Net.FEATURE_CSUM);
    this.segmentsSent = has(Net.FEATURE_CSUM | SEGMENTS);
    this.#transmitQueue = new Virtqueue(memory, QUEUE_SIZE, 1);
    this.#transmitMemory = memory.allocate(TRANSMIT_BYTES);
    this.#buffers = new ReceiveBuffers(memory, has(Net.FEATURE_MRG_RXBUF));
    probe.setQueue(Net.RECEIVE, this.#buffers.queue);
    probe.setQueue(Net.TRANSMIT, this.#transmitQueue);
    const memories = [this.#transmitMemory, this.#buffers.memory];
    probe.begin([
      ...queueRanges(this.#buffers.queue),
      ...queueRanges(this.#transmitQueue),
      ...memories.map((each) => ({ address: each.address, sizeBytes: each.bytes.length })),
    ]);
    this.#transmitQueue.interrupts = false;
    this.#buffers.offerAll();
    attachment.registers.notify(Net.RECEIVE);
    attachment.onInterrupt = () => this.#interrupted();
    attachment.onTurnEnd = () => this.#endTurn();
  }

  send(length: number, fill: (into: Uint8Array) => void, offload?: TransmitOffload): boolean {
    const stretch = this.#takeStretch(Net.HEADER_BYTES + length);
    if (stretch === undefined) return false;
    const bytes = this.#transmitMemory.bytes;
    const at = stretch.at + Net.HEADER_BYTES, end = at + length;
    fill(bytes.subarray(at, end));
    writeHeader(
      bytes.subarray(stretch.at, at),
      offload,
      bytes[at + 12] === 0x86 ? 6 : 4,
      offload?.headerBytes ?? 0,
      0,
    );
    const address = this.#transmitMemory.address + stretch.at;
    this.#transmitQueue.add(stretch, [{ address, length: Net.HEADER_BYTES + length }], []);
    this.#sent = true;
    return true;
  }

  /** Memory for a frame; without any, the device is asked to say when there is. */
  #takeStretch(length: number): Stretch | undefined {
    const take = () => this.#transmitQueue.hasRoom ? this.#arena.take(length) : undefined;
    const first = take();
    if (first !== undefined) return first;
    this.#reclaim();
    const second = take();
    if (second !== undefined) return second;
    this.#transmitQueue.interrupts = true;
    this.#reclaim();
    const third = take();
    if (third === undefined) this.#blocked = true;
    else this.#transmitQueue.interrupts = false;
    return third;
  }

  #reclaim(): number {
    return this.#transmitQueue.takeUsed((stretch) => this.#arena.release(stretch));
  }

  #interrupted(): number {
    const frames = this.#buffers.takeFrames((frame, header) => {
      this.received(frame, readReceiveHeader(header).verified);
    });
    if (frames > 0) this.attachment.registers.notify(Net.RECEIVE);
    const reclaimed = this.#reclaim();
    if (reclaimed > 0 && this.#blocked) {
      this.#blocked = false;
      this.#transmitQueue.interrupts = false;
      this.writable();
    }
    return frames + reclaimed;
  }

  #endTurn(): void {
    if (!this.#sent) return;
    this.#sent = false;
    this.attachment.registers.notify(Net.TRANSMIT);
    if (!this.#blocked && this.#transmitQueue.outstanding > LAZY_FRAMES) this.#reclaim();
  }
}

export const createVirtioNet: ComponentConstructor = (environment, _needs, settings) => ({
  provides: { frames: new VirtioNetDriver(environment, settings.attachment as DeviceAttachment) },
});
