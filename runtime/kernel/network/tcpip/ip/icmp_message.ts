// Messages of ICMP (RFC 792) and ICMPv6 (RFC 4443) on their way out, and the numbers in them.
import { IPPROTO } from "../../constants.ts";
import { addToSum, checksumOf } from "../checksum.ts";
import { put16 } from "../../../../hardware/network_order.ts";
import type { Outgoing } from "./outgoing.ts";

export const ICMP_BYTES = 8;
export const Icmp4 = {
  ECHO_REPLY: 0,
  UNREACHABLE: 3,
  ECHO: 8,
  TIME_EXCEEDED: 11,
  PARAMETER: 12,
} as const;
export const Icmp6 = {
  UNREACHABLE: 1,
  TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER: 4,
  ECHO: 128,
  ECHO_REPLY: 129,
  NEIGHBOUR_SOLICITATION: 135,
  NEIGHBOUR_ADVERTISEMENT: 136,
} as const;
/** Codes of UNREACHABLE */
export const PORT_UNREACHABLE_4 = 3, FRAGMENTATION_NEEDED_4 = 4, PROTOCOL_UNREACHABLE_4 = 2;
export const PORT_UNREACHABLE_6 = 4;

/** A message that is there as bytes. */
export class IcmpMessage implements Outgoing {
  readonly protocol: number;
  readonly length: number;
  readonly checksumOffset: number;
  readonly segmentBytes = 0;
  readonly headerBytes = ICMP_BYTES;
  dontFragment = false;

  /** @param message whole, with any checksum @param hopLimit 255 where only neighbours may believe it */
  constructor(
    version: 4 | 6,
    private readonly message: Uint8Array,
    public hopLimit = 64,
    public trafficClass = 0,
  ) {
    this.length = message.length;
    this.protocol = version === 4 ? IPPROTO.ICMP : IPPROTO.ICMPV6;
    // ICMPv6 sums up a pseudo-header too, which IP knows.
    this.checksumOffset = version === 4 ? -1 : 2;
    put16(message, 2, 0);
    if (version === 4) put16(message, 2, checksumOf(addToSum(message, 0, message.length)));
  }

  write(into: Uint8Array, at: number): void {
    into.set(this.message, at);
  }
}
