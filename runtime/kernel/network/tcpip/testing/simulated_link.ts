// A link between two or more network interfaces of one process, with faults drawn from a seed.
import type { FrameDevice, TransmitOffload } from "../../frame_device.ts";
import { cutFrame, fillFrameChecksum } from "./frame_cutter.ts";

export interface LinkFaults {
  /** probability of each, per frame */
  loss?: number;
  duplication?: number;
  reordering?: number;
  corruption?: number;
  delayNs?: number;
  jitterNs?: number;
  /** bits per second; 0: as fast as can be */
  bitRate?: number;
  /** frames that the sender's queue holds */
  queueFrames?: number;
}

interface Flying {
  dueNs: number;
  order: number;
  frame: Uint8Array;
  to: SimulatedDevice;
}

export class SimulatedLink {
  readonly devices: SimulatedDevice[] = [];
  faults: LinkFaults;
  /** frames looked at as they are sent; false takes one away */
  filter: (frame: Uint8Array, from: SimulatedDevice) => boolean = () => true;
  delivered = 0;
  lost = 0;
  #flying: Flying[] = [];
  #order = 0;

  constructor(
    faults: LinkFaults,
    private readonly random: () => number,
    private readonly nowNs: () => number,
  ) {
    this.faults = faults;
  }

  attach(mtu: number, offload: boolean): SimulatedDevice {
    const device = new SimulatedDevice(this, this.devices.length + 1, mtu, offload);
    this.devices.push(device);
    return device;
  }

  get nextNs(): number {
    return this.#flying.length === 0 ? Infinity : this.#flying[0].dueNs;
  }

  /** Frames of one device that have not left it yet. */
  queuedBy(device: SimulatedDevice): number {
    const now = this.nowNs();
    return device.departures.filter((departureNs) => departureNs > now).length;
  }

  /** Takes a frame that is ready for the wire. */
  carry(from: SimulatedDevice, frame: Uint8Array): void {
    const { loss = 0, duplication = 0, bitRate = 0 } = this.faults;
    const now = this.nowNs();
    from.busyUntilNs = Math.max(now, from.busyUntilNs) +
      (bitRate > 0 ? (frame.length + 24) * 8e9 / bitRate : 0);
    if (bitRate > 0) from.departures.push(from.busyUntilNs);
    if (!this.filter(frame, from)) return;
    if (this.random() < loss) {
      this.lost++;
      return;
    }
    const copies = this.random() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) this.launch(from, frame);
  }

  /** Puts a frame on its way, whatever the filter says. */
  launch(from: SimulatedDevice, frame: Uint8Array): void {
    const { delayNs = 0, jitterNs = 0, reordering = 0, corruption = 0 } = this.faults;
    let dueNs = from.busyUntilNs + delayNs + this.random() * jitterNs;
    // Without jitter, order is kept; whoever is overtaken comes some frames later.
    if (this.random() < reordering) dueNs += delayNs / 4 + this.random() * 2e6;
    const copy = frame.slice();
    // Of ARP, which has no checksum of its own, a real link loses what is not intact.
    if (this.random() < corruption && copy[13] !== 6) {
      copy[Math.floor(this.random() * copy.length)] ^= 1 << Math.floor(this.random() * 8);
    }
    for (const to of this.devices) {
      if (to === from) continue;
      const flying = { dueNs, order: this.#order++, frame: copy, to };
      let index = this.#flying.length;
      while (index > 0 && this.#flying[index - 1].dueNs > dueNs) index--;
      this.#flying.splice(index, 0, flying);
    }
  }

  /** Hands over what is due, and tells senders of room. */
  deliver(): void {
    const now = this.nowNs();
    while (this.#flying.length > 0 && this.#flying[0].dueNs <= now) {
      const { frame, to } = this.#flying.shift()!;
      this.delivered++;
      to.received(frame, false);
    }
    for (const device of this.devices) {
      device.departures = device.departures.filter((departureNs) => departureNs > now);
      if (!device.full || device.departures.length >= (this.faults.queueFrames ?? Infinity)) {
        continue;
      }
      device.full = false;
      device.writable();
    }
  }
}

export class SimulatedDevice implements FrameDevice {
  readonly mac: Uint8Array;
  readonly checksumsSent: boolean;
  readonly segmentsSent: boolean;
  received: (frame: Uint8Array, verified: boolean) => void = () => {};
  writable: () => void = () => {};
  busyUntilNs = 0;
  departures: number[] = [];
  full = false;

  constructor(
    private readonly link: SimulatedLink,
    number: number,
    readonly mtu: number,
    offload: boolean,
  ) {
    this.mac = Uint8Array.of(2, 0, 0, 0, 0, number);
    this.checksumsSent = this.segmentsSent = offload;
  }

  send(length: number, fill: (into: Uint8Array) => void, offload?: TransmitOffload): boolean {
    const { queueFrames = Infinity } = this.link.faults;
    if (this.departures.length >= queueFrames) {
      this.full = true;
      return false;
    }
    const frame = new Uint8Array(length);
    fill(frame);
    if (offload === undefined) this.link.carry(this, frame);
    else if (offload.segmentBytes === 0) {
      fillFrameChecksum(frame, offload);
      this.link.carry(this, frame);
    } else for (const each of cutFrame(frame, offload)) this.link.carry(this, each);
    return true;
  }
}
