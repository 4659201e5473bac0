// Ethernet over a frame device: headers, ARP and neighbour discovery below IP, room in the transmit queue.
import type { FrameDevice, TransmitOffload } from "../../frame_device.ts";
import type { Network } from "../ip/ip_address.ts";
import { get16, put16 } from "../../../../hardware/network_order.ts";
import { ARP_BYTES, type ArpPacket, readArp, writeArp } from "./arp.ts";
import type { Blocked, ChecksumPlace, Link, PacketSource } from "./link.ts";
import { newCounters, RoomQueue } from "./link.ts";
import type { Neighbour, Neighbours } from "./neighbours.ts";

export const ETHERNET_BYTES = 14;
export const EtherType = { IPV4: 0x0800, ARP: 0x0806, IPV6: 0x86dd } as const;
const BROADCAST = new Uint8Array(6).fill(0xff);

/** What the link hands up. */
export interface EthernetUpper {
  received(link: Link, frame: Uint8Array, at: number, version: 4 | 6, verified: boolean): void;
  /** The link is back: what was under way on it may be lost. */
  resumed(link: Link): void;
  /** Sends a neighbour solicitation for an IPv6 address. */
  solicit(link: EthernetLink, neighbour: Neighbour): void;
}

export class EthernetLink implements Link {
  readonly loopback = false;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly checksums: ChecksumPlace;
  readonly segments: boolean;
  readonly counters = newCounters();
  /** set right after construction: the cache asks through this link */
  neighbours!: Neighbours;
  #room = new RoomQueue();
  #source!: PacketSource;
  #etherType = 0;
  #target: Uint8Array = BROADCAST;

  constructor(
    readonly index: number,
    readonly name: string,
    readonly addresses: Network[],
    private readonly device: FrameDevice,
    private readonly upper: EthernetUpper,
  ) {
    this.mac = device.mac;
    this.mtu = device.mtu;
    this.checksums = device.checksumsSent ? "device" : "sender";
    this.segments = device.segmentsSent && device.checksumsSent;
    device.received = (frame, verified) => this.#received(frame, verified);
    device.writable = () => this.#room.release();
    device.resumed = () => this.upper.resumed(this);
  }

  /** Broadcast and multicast addresses are known without asking (RFC 1112, 6.4; RFC 2464, 7). */
  neighbour(ip: Uint8Array): Neighbour | undefined {
    const neighbour = this.neighbours.get(ip);
    if (neighbour.mac === undefined) {
      const mac = this.#manyAddress(ip);
      if (mac !== undefined) neighbour.mac = mac;
    }
    return neighbour;
  }

  #manyAddress(ip: Uint8Array): Uint8Array | undefined {
    if (ip.length === 16) {
      return ip[0] === 0xff ? Uint8Array.of(0x33, 0x33, ...ip.subarray(12)) : undefined;
    }
    if ((ip[0] & 0xf0) === 0xe0) return Uint8Array.of(1, 0, 0x5e, ip[1] & 0x7f, ip[2], ip[3]);
    return (ip[0] & ip[1] & ip[2] & ip[3]) === 0xff ? BROADCAST : undefined;
  }

  send(
    source: PacketSource,
    length: number,
    version: 4 | 6,
    neighbour: Neighbour | undefined,
    offload: TransmitOffload | undefined,
  ): boolean {
    if (neighbour === undefined) return true;
    const etherType = version === 4 ? EtherType.IPV4 : EtherType.IPV6;
    const { mac } = neighbour;
    let sent = true;
    if (mac !== undefined) sent = this.#transmit(source, length, etherType, mac, offload);
    else {
      const frame = new Uint8Array(ETHERNET_BYTES + length);
      this.#fillFrom(source, etherType, BROADCAST, frame);
      this.neighbours.hold(neighbour, { frame, offload: offload && { ...offload } });
    }
    // Last, as asking sends packets itself.
    this.neighbours.refresh(neighbour);
    return sent;
  }

  waitForRoom(blocked: Blocked): void {
    this.#room.add(blocked);
  }

  /** Sends what waited for a neighbour's address. */
  flush(neighbour: Neighbour): void {
    for (const { frame, offload } of neighbour.waiting.splice(0)) {
      frame.set(neighbour.mac!, 0);
      this.#count(frame.length, this.device.send(frame.length, (into) => into.set(frame), offload));
    }
  }

  /** Asks who has an address: everybody where it is unknown, else its owner alone. */
  ask(neighbour: Neighbour): void {
    if (neighbour.ip.length === 16) return this.upper.solicit(this, neighbour);
    const from = this.addresses.find(({ ip }) => ip.length === 4)?.ip;
    if (from === undefined) return;
    const packet: ArpPacket = {
      request: true,
      senderMac: this.mac,
      senderIp: from,
      targetMac: new Uint8Array(6),
      targetIp: neighbour.ip,
    };
    this.#sendArp(packet, neighbour.mac ?? BROADCAST);
  }

  #sendArp(packet: ArpPacket, target: Uint8Array): void {
    const source = { write: (into: Uint8Array, at: number) => writeArp(into, at, packet) };
    this.#transmit(source, ARP_BYTES, EtherType.ARP, target, undefined);
  }

  #transmit(
    source: PacketSource,
    length: number,
    etherType: number,
    target: Uint8Array,
    offload: TransmitOffload | undefined,
  ): boolean {
    this.#source = source;
    this.#etherType = etherType;
    this.#target = target;
    const frameBytes = ETHERNET_BYTES + length;
    return this.#count(frameBytes, this.device.send(frameBytes, this.#fill, offload));
  }

  #fillFrom(source: PacketSource, etherType: number, target: Uint8Array, into: Uint8Array): void {
    this.#source = source;
    this.#etherType = etherType;
    this.#target = target;
    this.#fill(into);
  }

  #count(bytes: number, sent: boolean): boolean {
    if (sent) {
      this.counters.sentFrames++;
      this.counters.sentBytes += bytes;
    }
    return sent;
  }

  /** One function for all frames: the device calls it before `send` returns. */
  readonly #fill = (into: Uint8Array): void => {
    const target = this.#target, mac = this.mac;
    for (let index = 0; index < 6; index++) {
      into[index] = target[index];
      into[6 + index] = mac[index];
    }
    put16(into, 12, this.#etherType);
    this.#source.write(into, ETHERNET_BYTES);
  };

  #received(frame: Uint8Array, verified: boolean): void {
    this.counters.receivedFrames++;
    this.counters.receivedBytes += frame.length;
    if (frame.length < ETHERNET_BYTES || !this.#isForUs(frame)) {
      this.counters.receivedDropped++;
      return;
    }
    const etherType = get16(frame, 12);
    if (etherType === EtherType.IPV4) {
      this.upper.received(this, frame, ETHERNET_BYTES, 4, verified);
    } else if (etherType === EtherType.IPV6) {
      this.upper.received(this, frame, ETHERNET_BYTES, 6, verified);
    } else if (etherType === EtherType.ARP) this.#receivedArp(frame);
    else this.counters.receivedDropped++;
  }

  /** Sent to our address, or to a group (the first bit on the wire). */
  #isForUs(frame: Uint8Array): boolean {
    if ((frame[0] & 1) !== 0) return true;
    const mac = this.mac;
    for (let index = 0; index < 6; index++) if (frame[index] !== mac[index]) return false;
    return true;
  }

  #receivedArp(frame: Uint8Array): void {
    const packet = readArp(frame, ETHERNET_BYTES);
    if (packet === undefined || !this.#isOnLink(packet)) {
      this.counters.receivedDropped++;
      return;
    }
    const forUs = this.addresses.some(({ ip }) =>
      ip.length === 4 && ip.every((byte, index) => byte === packet.targetIp[index])
    );
    if (!forUs) return;
    this.neighbours.learn(packet.senderIp, packet.senderMac, !packet.request);
    if (!packet.request) return;
    const answer: ArpPacket = {
      request: false,
      senderMac: this.mac,
      senderIp: packet.targetIp,
      targetMac: packet.senderMac,
      targetIp: packet.senderIp,
    };
    this.#sendArp(answer, packet.senderMac);
  }

  /** No group's hardware address, no broadcast or empty protocol address, and not one of ours. */
  #isOnLink({ senderMac, senderIp }: ArpPacket): boolean {
    if ((senderMac[0] & 1) !== 0 || senderIp[0] >= 0xe0) return false;
    if (senderIp.every((byte) => byte === 0)) return false;
    return !this.addresses.some(({ ip }) =>
      ip.length === 4 && ip.every((byte, index) => byte === senderIp[index])
    );
  }
}
