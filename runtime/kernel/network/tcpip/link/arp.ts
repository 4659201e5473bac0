// ARP packets for IPv4 over Ethernet (RFC 826).
import { get16, put16 } from "../../../../hardware/network_order.ts";

export const ARP_BYTES = 28;
const ETHERNET = 1, IPV4 = 0x0800, REQUEST = 1, REPLY = 2;

export interface ArpPacket {
  request: boolean;
  senderMac: Uint8Array;
  senderIp: Uint8Array;
  targetMac: Uint8Array;
  targetIp: Uint8Array;
}

/** The packet at `at`, or undefined where it is none of IPv4 over Ethernet. */
export function readArp(frame: Uint8Array, at: number): ArpPacket | undefined {
  if (frame.length < at + ARP_BYTES) return undefined;
  if (get16(frame, at) !== ETHERNET || get16(frame, at + 2) !== IPV4) return undefined;
  if (frame[at + 4] !== 6 || frame[at + 5] !== 4) return undefined;
  const operation = get16(frame, at + 6);
  if (operation !== REQUEST && operation !== REPLY) return undefined;
  return {
    request: operation === REQUEST,
    senderMac: frame.slice(at + 8, at + 14),
    senderIp: frame.slice(at + 14, at + 18),
    targetMac: frame.slice(at + 18, at + 24),
    targetIp: frame.slice(at + 24, at + 28),
  };
}

export function writeArp(into: Uint8Array, at: number, packet: ArpPacket): void {
  put16(into, at, ETHERNET);
  put16(into, at + 2, IPV4);
  into[at + 4] = 6;
  into[at + 5] = 4;
  put16(into, at + 6, packet.request ? REQUEST : REPLY);
  into.set(packet.senderMac, at + 8);
  into.set(packet.senderIp, at + 14);
  into.set(packet.targetMac, at + 18);
  into.set(packet.targetIp, at + 24);
}
