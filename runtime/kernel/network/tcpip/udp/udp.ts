// Finds the endpoints of arriving UDP datagrams (RFC 768; RFC 1122, 4.1): the one that fits best, or for
// broadcast and multicast all that fit.
import { IPPROTO } from "../../constants.ts";
import type { SocketInfo } from "../../endpoint.ts";
import { addToSum, foldSum } from "../checksum.ts";
import { PORT_UNREACHABLE_4, PORT_UNREACHABLE_6 } from "../ip/icmp_message.ts";
import { Icmp4, Icmp6 } from "../ip/icmp_message.ts";
import type { PacketError } from "../ip/icmp_error.ts";
import { addressKey, equalAddress, isAny } from "../ip/ip_address.ts";
import type { Packet } from "../link/link.ts";
import { Ports } from "../ports.ts";
import type { Stack } from "../stack.ts";
import { get16 } from "../../../../hardware/network_order.ts";
import { sameBytes } from "../bytes.ts";
import { UDP_BYTES, type UdpEndpoint } from "./udp_endpoint.ts";

export class Udp {
  readonly ports: Ports;

  constructor(private readonly stack: Stack) {
    this.ports = new Ports(false, stack.random);
  }

  receive(packet: Packet): void {
    const { bytes, payloadAt: at, end } = packet;
    if (end - at < UDP_BYTES) return;
    const length = get16(bytes, at + 4);
    if (length < UDP_BYTES || length > end - at || !this.#isIntact(packet, length)) return;
    const from = get16(bytes, at), to = get16(bytes, at + 2);
    if (packet.toMany) return this.#deliverToAll(packet, from, to);
    const endpoint = this.#best(packet, from, to);
    if (endpoint !== undefined) return endpoint.take(packet);
    if (packet.version === 4) this.stack.icmp.report(packet, Icmp4.UNREACHABLE, PORT_UNREACHABLE_4);
    else this.stack.icmp.report(packet, Icmp6.UNREACHABLE, PORT_UNREACHABLE_6);
  }

  #isIntact(packet: Packet, length: number): boolean {
    if (packet.verified) return true;
    const { bytes, payloadAt: at, sourceAt, addressBytes } = packet;
    // Without a checksum only over IPv4 (RFC 8200, 8.1).
    if (get16(bytes, at + 6) === 0) return packet.version === 4;
    const pseudo = addToSum(bytes, sourceAt, sourceAt + 2 * addressBytes, IPPROTO.UDP + length);
    return foldSum(addToSum(bytes, at, at + length, pseudo)) === 0xffff;
  }

  /** How well an endpoint fits a packet; negative: not at all. */
  #score(endpoint: UdpEndpoint, packet: Packet, from: number): number {
    if (!endpoint.covers(packet.version)) return -1;
    const { bytes, sourceAt, destinationAt, addressBytes } = packet;
    // An endpoint of IPv4 alone is closer to the packet than one that takes both.
    let score = endpoint.six && packet.version === 4 ? 0 : 1;
    const { boundIp, peerIp } = endpoint;
    if (boundIp !== undefined && boundIp.some((byte) => byte !== 0)) {
      if (!sameBytes(bytes, destinationAt, boundIp, 0, addressBytes)) return -1;
      score += 4;
    }
    if (peerIp !== undefined) {
      if (peerIp.length !== addressBytes || endpoint.peerPort !== from) return -1;
      if (!sameBytes(bytes, sourceAt, peerIp, 0, addressBytes)) return -1;
      score += 8;
    }
    return score;
  }

  #best(packet: Packet, from: number, to: number): UdpEndpoint | undefined {
    let best: UdpEndpoint | undefined, bestScore = -1;
    let group: UdpEndpoint[] | undefined;
    for (const holder of this.ports.holders(to) ?? []) {
      const endpoint = holder as UdpEndpoint;
      const score = this.#score(endpoint, packet, from);
      if (score < 0 || score < bestScore) continue;
      // Of equals the last one bound has it, as on Linux; those with SO_REUSEPORT share.
      if (score === bestScore && endpoint.options.reusePort && best!.options.reusePort) {
        (group ??= [best!]).push(endpoint);
      } else group = undefined;
      best = endpoint;
      bestScore = score;
    }
    if (group === undefined) return best;
    return group[(this.stack.flowHash(packet, from, to) >>> 0) % group.length];
  }

  #deliverToAll(packet: Packet, from: number, to: number): void {
    const { bytes, destinationAt, addressBytes } = packet;
    const key = addressKey(bytes, destinationAt, addressBytes);
    const multicast = addressBytes === 16 || bytes[destinationAt] >> 4 === 0xe;
    for (const holder of this.ports.holders(to) ?? []) {
      const endpoint = holder as UdpEndpoint;
      // A group's datagrams go to those who joined it; broadcast to all.
      if (multicast && !endpoint.groups.has(key)) continue;
      if (this.#score(endpoint, packet, from) >= 0) endpoint.take(packet);
    }
  }

  list(): SocketInfo[] {
    const list: SocketInfo[] = [];
    for (const holder of this.ports.all()) {
      const endpoint = holder as UdpEndpoint;
      list.push({
        protocol: endpoint.six ? "udp6" : "udp",
        local: endpoint.local,
        peer: endpoint.peer ?? endpoint.tell(undefined, 0),
        // As in /proc/net/udp: 1 connected, 7 not.
        state: endpoint.peerIp === undefined ? 7 : 1,
        queuedIn: endpoint.queuedCost,
        queuedOut: 0,
        inode: endpoint.inode,
      });
    }
    return list;
  }

  /** ICMP reports an error for a datagram that one of the endpoints sent. */
  failed(error: PacketError): void {
    for (const holder of this.ports.holders(error.localPort) ?? []) {
      const endpoint = holder as UdpEndpoint;
      if (error.mtu !== undefined) endpoint.rerouted();
      const { peerIp, peerPort } = endpoint;
      if (endpoint.options.receiveErrors) {
        if (isOf(endpoint, error)) endpoint.reported(error, UDP_BYTES);
        continue;
      }
      // Who is not connected sends to many, and could not tell which of them it was.
      if (peerIp === undefined || peerPort !== error.remotePort) continue;
      if (!equalAddress(peerIp, error.remote)) continue;
      if (error.mtu === undefined && error.fatal) endpoint.failed(error.errno);
    }
  }
}

/** Whether an endpoint may have sent what an error is about. */
function isOf({ boundIp, peerIp, peerPort }: UdpEndpoint, error: PacketError): boolean {
  if (boundIp !== undefined && !isAny(boundIp) && !equalAddress(boundIp, error.local)) return false;
  return peerIp === undefined ||
    peerPort === error.remotePort && equalAddress(peerIp, error.remote);
}
