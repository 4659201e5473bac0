// A peer without a stack: takes the place of the far host, answers ARP and nothing else by itself, keeps the
// segments that come and sends what a test writes.
import { Packet } from "../link/link.ts";
import { readArp, writeArp } from "../link/arp.ts";
import { IPPROTO } from "../../constants.ts";
import { addToSum, checksumOf } from "../checksum.ts";
import { parseAddress } from "../ip/address_text.ts";
import { Segment } from "../tcp/segment.ts";
import { get16, put16, put32 } from "../../../../hardware/network_order.ts";
import type { SimulatedDevice } from "./simulated_link.ts";
import { FAR, NEAR, type World } from "./world.ts";

export const FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16;

/** The option that says how large segments may be: a full Ethernet frame. */
const MSS_1460 = [2, 4, 1460 >> 8, 1460 & 255];

export interface RawSegment {
  flags: number;
  seq: number;
  ack: number;
  window?: number;
  data?: Uint8Array;
  /** padded to words by the sender */
  options?: number[];
  from?: number;
  to?: number;
}

/** What came, with the time it came at. */
export interface Seen extends Required<Omit<RawSegment, "options">> {
  atNs: number;
  mss: number;
  sack: [number, number][];
  timestamp: number;
}

export class RawPeer {
  readonly seen: Seen[] = [];
  readonly #device: SimulatedDevice;

  constructor(private readonly world: World, readonly port = 80) {
    this.#device = world.link.devices[1];
    this.#device.received = (frame) => this.#received(frame);
  }

  /** Lets time pass, and takes away what came until then. */
  take(durationNs = 1e6): Seen[] {
    this.world.pass(durationNs);
    return this.seen.splice(0);
  }

  #received(frame: Uint8Array): void {
    const etherType = get16(frame, 12);
    const request = etherType === 0x0806 ? readArp(frame, 14) : undefined;
    if (request?.request) {
      return this.#frame(0x0806, 28, (into) =>
        writeArp(into, 14, {
          request: false,
          senderMac: this.#device.mac,
          senderIp: request.targetIp,
          targetMac: request.senderMac,
          targetIp: request.senderIp,
        }));
    }
    if (etherType !== 0x0800 || frame[23] !== IPPROTO.TCP) return;
    const packet = new Packet();
    packet.bytes = frame;
    packet.payloadAt = 34;
    packet.end = 14 + get16(frame, 16);
    const segment = new Segment();
    if (!segment.read(packet)) throw new Error("a segment that cannot be read");
    const sack: [number, number][] = [];
    for (let block = 0; block < segment.sackBlocks; block++) {
      sack.push([segment.sackEdges[2 * block], segment.sackEdges[2 * block + 1]]);
    }
    this.seen.push({
      atNs: this.world.nowNs,
      flags: segment.flags,
      seq: segment.sequence,
      ack: segment.acknowledgement,
      window: segment.window,
      data: frame.slice(segment.dataAt, segment.dataEnd),
      from: segment.sourcePort,
      to: segment.destinationPort,
      mss: segment.mss,
      timestamp: segment.timestamp,
      sack,
    });
  }

  /** Sends a segment to the near host. */
  send(segment: RawSegment): void {
    const { data = new Uint8Array(0), options = [] } = segment;
    const headerBytes = 20 + Math.ceil(options.length / 4) * 4;
    const length = headerBytes + data.length;
    this.#frame(0x0800, 20 + length, (frame) => {
      frame[14] = 0x45;
      put16(frame, 16, 20 + length);
      frame[22] = 64;
      frame[23] = IPPROTO.TCP;
      frame.set(parseAddress(FAR), 26);
      frame.set(parseAddress(NEAR), 30);
      put16(frame, 24, checksumOf(addToSum(frame, 14, 34)));
      put16(frame, 34, segment.from ?? this.port);
      put16(frame, 36, segment.to ?? 0);
      put32(frame, 38, segment.seq);
      put32(frame, 42, segment.ack);
      frame[46] = headerBytes << 2;
      frame[47] = segment.flags;
      put16(frame, 48, segment.window ?? 65_535);
      frame.set(options, 54);
      frame.set(data, 34 + headerBytes);
      const pseudo = addToSum(frame, 26, 34, IPPROTO.TCP + length);
      put16(frame, 50, checksumOf(addToSum(frame, 34, frame.length, pseudo)));
    });
  }

  #frame(etherType: number, length: number, fill: (into: Uint8Array) => void): void {
    const frame = new Uint8Array(14 + length);
    frame.set(this.world.link.devices[0].mac);
    frame.set(this.#device.mac, 6);
    put16(frame, 12, etherType);
    fill(frame);
    this.world.link.carry(this.#device, frame);
  }
}

/** A connection that the near host opened, as a test sees both ends. */
export class RawConnection {
  readonly peer: RawPeer;
  readonly endpoint: ReturnType<World["near"]["tcp"]>;
  /** what the near host sends next, and what we send next */
  theirs = 0;
  ours = 1000;
  readonly port: number;

  /** @param options of our SYN */
  constructor(readonly world: World, options: number[] = [], window = 65_535) {
    this.peer = new RawPeer(world);
    this.endpoint = world.near.tcp();
    this.endpoint.connect({ ip: parseAddress(FAR), port: this.peer.port, scope: 0 });
    const [syn] = this.peer.take();
    this.port = syn.from;
    this.theirs = syn.seq + 1 | 0;
    this.send(SYN | ACK, { options: [...MSS_1460, ...options], window });
    this.ours++;
    this.peer.take();
  }

  /** Sends a segment at the place where it belongs. */
  send(flags: number, more: Partial<RawSegment> = {}): void {
    this.peer.send({ flags, seq: this.ours, ack: this.theirs, to: this.port, ...more });
  }
}
