// Takes packets from the links: checks the headers of IPv4 (RFC 791; RFC 1122, 3.2.1) and IPv6 (RFC 8200),
// puts fragments together and hands the rest to the transports. Nothing that comes in is trusted.
import { addToSum, foldSum } from "../checksum.ts";
import { type Link, Packet } from "../link/link.ts";
import type { Timers } from "../timers.ts";
import { get16, get32 } from "../../../../hardware/network_order.ts";
import { sameBytes } from "../bytes.ts";
import { isBroadcastOf, isLimitedBroadcast, isLoopback, isMulticast } from "./ip_address.ts";
import { Reassembly } from "./reassembly.ts";

const NextHeader = { HOP_BY_HOP: 0, ROUTING: 43, FRAGMENT: 44, NONE: 59, OPTIONS: 60 } as const;
/** Extension headers looked through before a packet is given up. */
const MAX_EXTENSIONS = 8;

/** Who takes packets by protocol. */
export interface IpUpper {
  /** A packet for this machine. */
  deliver(packet: Packet): void;
  /** Whether this machine is in an IPv6 or IPv4 multicast group. */
  isMember(link: Link, group: Uint8Array): boolean;
}

export class IpInput {
  #packet = new Packet();
  #reassembly: Reassembly;

  constructor(timers: Timers, nowNs: () => number, private readonly upper: IpUpper) {
    this.#reassembly = new Reassembly(timers, nowNs);
  }

  /** A packet of `version` lies at `at`; what follows it in the frame is padding. */
  received(link: Link, bytes: Uint8Array, at: number, version: 4 | 6, verified: boolean): void {
    const packet = this.#packet;
    packet.bytes = bytes;
    packet.via = link;
    packet.version = version;
    packet.headerAt = at;
    packet.verified = verified || link.loopback;
    const taken = version === 4 ? this.#takeFour(packet) : this.#takeSix(packet);
    if (!taken) link.counters.receivedDropped++;
  }

  #takeFour(packet: Packet): boolean {
    const { bytes, headerAt: at, via } = packet;
    if (bytes.length - at < 20 || bytes[at] >> 4 !== 4) return false;
    const headerBytes = (bytes[at] & 0xf) * 4;
    const total = get16(bytes, at + 2);
    if (headerBytes < 20 || total < headerBytes || total > bytes.length - at) return false;
    if (!via.loopback && foldSum(addToSum(bytes, at, at + headerBytes)) !== 0xffff) return false;
    packet.sourceAt = at + 12;
    packet.destinationAt = at + 16;
    packet.payloadAt = at + headerBytes;
    packet.end = at + total;
    packet.protocol = bytes[at + 9];
    packet.hopLimit = bytes[at + 8];
    packet.trafficClass = bytes[at + 1];
    if (!this.#isForUs(packet)) return false;
    const fragment = get16(bytes, at + 6);
    const more = (fragment & 0x2000) !== 0, offset = (fragment & 0x1fff) * 8;
    if (more || offset > 0) return this.#fragment(packet, get16(bytes, at + 4), offset, more);
    this.upper.deliver(packet);
    return true;
  }

  #takeSix(packet: Packet): boolean {
    const { bytes, headerAt: at } = packet;
    if (bytes.length - at < 40 || bytes[at] >> 4 !== 6) return false;
    const length = get16(bytes, at + 4);
    if (length > bytes.length - at - 40) return false;
    packet.sourceAt = at + 8;
    packet.destinationAt = at + 24;
    packet.payloadAt = at + 40;
    packet.end = at + 40 + length;
    packet.protocol = bytes[at + 6];
    packet.hopLimit = bytes[at + 7];
    packet.trafficClass = get16(bytes, at) >> 4 & 0xff;
    return this.#isForUs(packet) && this.#nextHeaders(packet);
  }

  /** Goes through the extension headers to the transport's. */
  #nextHeaders(packet: Packet): boolean {
    const { bytes, end } = packet;
    for (let count = 0; count < MAX_EXTENSIONS; count++) {
      const at = packet.payloadAt, kind = packet.protocol;
      if (kind === NextHeader.FRAGMENT) {
        if (end - at < 8) return false;
        const fragment = get16(bytes, at + 2), identification = get32(bytes, at + 4);
        packet.protocol = bytes[at];
        packet.payloadAt = at + 8;
        const more = (fragment & 1) !== 0, offset = fragment & 0xfff8;
        // One that is its own whole is no fragment (RFC 6946).
        if (more || offset > 0) return this.#fragment(packet, identification, offset, more);
      } else if (
        kind === NextHeader.HOP_BY_HOP || kind === NextHeader.ROUTING || kind === NextHeader.OPTIONS
      ) {
        if (end - at < 8) return false;
        const bytesOf = (bytes[at + 1] + 1) * 8;
        // A routing header with way still to go is not for hosts (RFC 5095).
        if (bytesOf > end - at || kind === NextHeader.ROUTING && bytes[at + 3] !== 0) return false;
        packet.protocol = bytes[at];
        packet.payloadAt = at + bytesOf;
      } else if (kind === NextHeader.NONE) return true;
      else {
        this.upper.deliver(packet);
        return true;
      }
    }
    return false;
  }

  #fragment(packet: Packet, identification: number, offset: number, more: boolean): boolean {
    const { version, sourceAt, protocol } = packet;
    const payload = this.#reassembly.add(packet, identification, offset, more);
    if (payload === undefined) return true;
    // The whole gets a header again, with the addresses where they were.
    const headerBytes = version === 4 ? 20 : 40;
    const whole = new Uint8Array(headerBytes + payload.length);
    whole.set(packet.bytes.subarray(packet.headerAt, packet.headerAt + headerBytes));
    whole.set(payload, headerBytes);
    packet.sourceAt = sourceAt - packet.headerAt;
    packet.destinationAt = packet.sourceAt + packet.addressBytes;
    packet.bytes = whole;
    packet.headerAt = 0;
    packet.payloadAt = headerBytes;
    packet.end = whole.length;
    packet.protocol = protocol;
    packet.verified = packet.via.loopback;
    if (version === 6) return this.#nextHeaders(packet);
    this.upper.deliver(packet);
    return true;
  }

  /** Checks both addresses, and whether one packet was sent to many. */
  #isForUs(packet: Packet): boolean {
    const { bytes, via, sourceAt, destinationAt, addressBytes } = packet;
    packet.toMany = false;
    if (via.loopback) {
      const first = bytes[destinationAt];
      packet.toMany = addressBytes === 4 ? first >= 0xe0 : first === 0xff;
      return true;
    }
    let ours = false;
    for (const { ip } of via.addresses) {
      if (ip.length !== addressBytes) continue;
      // Nobody else has our address.
      if (sameBytes(bytes, sourceAt, ip, 0, addressBytes)) return false;
      ours ||= sameBytes(bytes, destinationAt, ip, 0, addressBytes);
    }
    // No group sends, and loopback addresses stay inside (RFC 1122, 3.2.1.3).
    const first = bytes[sourceAt];
    if (addressBytes === 4 && (first === 127 || first >= 0xe0)) return false;
    if (addressBytes === 16 && (first === 0xff || isLoopback(packet.source()))) return false;
    return ours || this.#isForMany(packet);
  }

  #isForMany(packet: Packet): boolean {
    const { via } = packet;
    const destination = packet.destination();
    packet.toMany = true;
    if (isMulticast(destination)) return this.upper.isMember(via, destination);
    if (isLimitedBroadcast(destination)) return true;
    return via.addresses.some((address) => isBroadcastOf(destination, address));
  }
}
