// virtio-net (virtio 1.2, 5.1): a receive and a transmit queue between a driver and a backend. Frames are
// copied once, between the driver's buffers and the backend's memory, and looked at only after that.
import type { NetworkBackend } from "../network/backend.ts";
import {
  finishFrame,
  type Frame,
  frameLength,
  MAX_FRAME_BYTES,
  NO_BYTES,
  tcpPayloadAt,
} from "../network/frame.ts";
import { takeBuffer } from "../network/frame_buffers.ts";
import type { Chain, Completion } from "./split_queue.ts";
import type { DeviceModel, VirtioDevice } from "./virtio_device.ts";
import { DeviceId } from "./virtio.ts";
import { Net, readTransmitHeader, writeHeader } from "./virtio_net_header.ts";

/** Frames of one direction before others have their turn. */
const BATCH = 64;

export class VirtioNet implements DeviceModel {
  readonly deviceId = DeviceId.NETWORK;
  readonly queues = 2;
  readonly queueSize = 256;
  readonly features = Net.FEATURE_CSUM | Net.FEATURE_GUEST_CSUM | Net.FEATURE_MTU |
    Net.FEATURE_MAC | Net.FEATURE_GUEST_TSO4 | Net.FEATURE_GUEST_TSO6 | Net.FEATURE_HOST_TSO4 |
    Net.FEATURE_HOST_TSO6 | Net.FEATURE_MRG_RXBUF | Net.FEATURE_STATUS;
  readonly config = new Uint8Array(Net.CONFIG_BYTES);
  /** frames of the driver that were malformed, and frames for it that no buffer of its could hold */
  dropped = 0;
  /** taken from the driver, and not yet by the backend */
  #sending: Frame | undefined;
  /** from the backend, waiting for buffers */
  #receiving: Frame[] = [];
  readonly #header = new Uint8Array(Net.HEADER_BYTES);

  /** @param mac address of the interface, 6 bytes */
  constructor(private readonly backend: NetworkBackend, mac: Uint8Array) {
    const config = new DataView(this.config.buffer);
    this.config.set(mac);
    config.setUint16(6, Net.LINK_UP, true);
    config.setUint16(8, 1, true);
    config.setUint16(10, backend.mtu, true);
  }

  reset(): void {
    this.#sending = undefined;
    this.#receiving = [];
    this.backend.reset();
  }

  /** Both queues are looked at on every turn: a notification only ends the sleep. */
  keeps(): boolean {
    return true;
  }

  request(): number {
    return 0;
  }

  poll(device: VirtioDevice): boolean {
    const sent = this.#transmit(device);
    return this.#receive(device) || sent;
  }

  /** Takes frames of the driver for as long as the backend has room. */
  #transmit(device: VirtioDevice): boolean {
    const done: Completion[] = [];
    while (done.length < BATCH) {
      if (this.#sending !== undefined) {
        if (!this.backend.send(this.#sending)) break;
        this.#sending = undefined;
      }
      const chain = device.take(Net.TRANSMIT);
      if (chain === undefined) break;
      this.#sending = this.#read(device, chain);
      done.push({ head: chain.head, written: 0 });
    }
    device.completeAll(Net.TRANSMIT, done);
    return done.length > 0;
  }

  /** A copy of a frame: what the driver does to its own from here on changes nothing. */
  #read(device: VirtioDevice, chain: Chain): Frame | undefined {
    const length = chain.readableBytes - Net.HEADER_BYTES;
    if (length < 14 || length > MAX_FRAME_BYTES) {
      this.dropped++;
      return undefined;
    }
    const memory = takeBuffer(chain.readableBytes);
    let at = 0;
    for (const view of chain.readable) {
      memory.set(view, at);
      at += view.length;
    }
    const head = memory.subarray(Net.HEADER_BYTES, at);
    const offload = readTransmitHeader(memory, head, device.acceptedFeatures);
    if (offload !== "malformed") return { head, body: NO_BYTES, offload, memory };
    this.dropped++;
    return undefined;
  }

  /** Gives the driver what the backend has, for as long as there are buffers. */
  #receive(device: VirtioDevice): boolean {
    const done: Completion[] = [];
    for (let frames = 0; frames < BATCH; frames++) {
      const frame = this.#next(device);
      if (frame === undefined) break;
      if (!this.#deliver(device, frame, done)) {
        this.#receiving.unshift(frame);
        break;
      }
    }
    device.completeAll(Net.RECEIVE, done);
    return done.length > 0;
  }

  /** The next frame, as the driver can take it. */
  #next(device: VirtioDevice): Frame | undefined {
    const waiting = this.#receiving.shift();
    // Without a driver, frames stay with the backend.
    if (waiting !== undefined || !device.offers(Net.RECEIVE)) return waiting;
    const frame = this.backend.receive();
    if (frame?.offload === undefined) return frame;
    const large = Net.FEATURE_GUEST_TSO4 | Net.FEATURE_GUEST_TSO6;
    const features = device.acceptedFeatures;
    if (
      (features & Net.FEATURE_GUEST_CSUM) !== 0 &&
      (frame.offload.segmentBytes === 0 || (features & large) === large)
    ) return frame;
    this.#receiving = finishFrame(frame).map((head) => ({ head, body: NO_BYTES }));
    return this.#receiving.shift();
  }

  /** @returns false where there are not enough buffers, none of which is used then */
  #deliver(device: VirtioDevice, frame: Frame, done: Completion[]): boolean {
    const needed = Net.HEADER_BYTES + frameLength(frame);
    const merged = device.accepted(Net.FEATURE_MRG_RXBUF);
    const chains: Chain[] = [];
    for (let room = 0; room < needed;) {
      const chain = device.take(Net.RECEIVE);
      if (chain === undefined) {
        device.putBack(Net.RECEIVE, chains.length);
        return false;
      }
      chains.push(chain);
      room += chain.writableBytes;
      if (!merged && room < needed) {
        done.push({ head: chain.head, written: 0 });
        this.dropped++;
        return true;
      }
    }
    const { head, body, offload } = frame;
    const version = head[12] === 0x86 ? 6 : 4;
    const headerBytes = offload === undefined || offload.segmentBytes === 0
      ? 0
      : tcpPayloadAt(head, offload) ?? head.length;
    writeHeader(this.#header, offload, version, headerBytes, chains.length);
    const [{ head: first, writable: [view] }] = chains;
    if (view !== undefined && view.length >= needed) {
      view.set(this.#header);
      view.set(head, Net.HEADER_BYTES);
      view.set(body, Net.HEADER_BYTES + head.length);
      done.push({ head: first, written: needed });
      return true;
    }
    const writer = new Scatter(chains);
    writer.write(this.#header);
    writer.write(head);
    writer.write(body);
    for (const [index, chain] of chains.entries()) {
      done.push({ head: chain.head, written: writer.writtenTo(index) });
    }
    return true;
  }
}

/** Writes bytes into the buffers of several chains, one after the other. */
class Scatter {
  readonly #written: number[];
  #chain = 0;
  #view = 0;
  #at = 0;

  constructor(private readonly chains: Chain[]) {
    this.#written = chains.map(() => 0);
  }

  write(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      const view = this.chains[this.#chain].writable[this.#view];
      if (view === undefined) {
        this.#chain++;
        this.#view = this.#at = 0;
        continue;
      }
      const count = Math.min(view.length - this.#at, bytes.length - from);
      view.set(bytes.subarray(from, from + count), this.#at);
      from += count;
      this.#written[this.#chain] += count;
      this.#at += count;
      if (this.#at < view.length) continue;
      this.#view++;
      this.#at = 0;
    }
  }

  writtenTo(chain: number): number {
    return this.#written[chain];
  }
}
