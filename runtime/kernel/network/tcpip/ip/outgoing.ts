// Packets on their way out: what a transport hands to IP, and the headers of IPv4 (RFC 791) and IPv6
// (RFC 8200) around it. Everything is written once, straight into the memory of the link.
import { IPPROTO } from "../../constants.ts";
import { addToSum, checksumOf, foldSum } from "../checksum.ts";
import type { PacketSource } from "../link/link.ts";
import { put16, put32 } from "../../../../hardware/network_order.ts";
import type { Path } from "./path.ts";

export const IPV4_BYTES = 20;
export const IPV6_BYTES = 40;

/** A transport header with its payload. */
export interface Outgoing {
  readonly protocol: number;
  /** bytes of header and payload */
  length: number;
  /** where IP fills in the checksum with its pseudo-header; -1: the transport has done it */
  readonly checksumOffset: number;
  /** payload bytes of each segment, where the link is to cut it; else 0 */
  segmentBytes: number;
  /** bytes before the payload */
  headerBytes: number;
  hopLimit: number;
  trafficClass: number;
  /** IPv4 routers must not cut it (path MTU discovery) */
  dontFragment: boolean;
  write(into: Uint8Array, at: number): void;
}

/** Bytes of the IP header of a version. */
export function ipHeaderBytes(version: 4 | 6): number {
  return version === 4 ? IPV4_BYTES : IPV6_BYTES;
}

/** @param identification of the fragments of one packet @param fragment flags and offset in 8 bytes */
export function writeIpv4Header(
  into: Uint8Array,
  at: number,
  path: Path,
  outgoing: Outgoing,
  length: number,
  identification: number,
  fragment: number,
): void {
  into[at] = 0x45;
  into[at + 1] = outgoing.trafficClass;
  put16(into, at + 2, IPV4_BYTES + length);
  put16(into, at + 4, identification);
  put16(into, at + 6, fragment);
  into[at + 8] = outgoing.hopLimit;
  into[at + 9] = outgoing.protocol;
  const { source, destination } = path;
  for (let index = 0; index < 4; index++) {
    into[at + 12 + index] = source[index];
    into[at + 16 + index] = destination[index];
  }
  const sum = 0x4500 + outgoing.trafficClass + IPV4_BYTES + length + identification + fragment +
    (outgoing.hopLimit << 8) + outgoing.protocol + path.addressSum;
  put16(into, at + 10, checksumOf(sum));
}

export function writeIpv6Header(
  into: Uint8Array,
  at: number,
  path: Path,
  outgoing: Outgoing,
  length: number,
  nextHeader: number,
): void {
  put32(into, at, 0x6000_0000 | outgoing.trafficClass << 20);
  put16(into, at + 4, length);
  into[at + 6] = nextHeader;
  into[at + 7] = outgoing.hopLimit;
  const { source, destination } = path;
  for (let index = 0; index < 16; index++) {
    into[at + 8 + index] = source[index];
    into[at + 24 + index] = destination[index];
  }
}

/** Whether the device fills in the checksum of a packet that it gets whole. */
export function isChecksumOffloaded(path: Path, { protocol }: Outgoing): boolean {
  return path.via.checksums === "device" &&
    (protocol === IPPROTO.TCP || protocol === IPPROTO.UDP);
}

/**
 * Fills in the transport checksum.
 * @param partly the pseudo-header's part alone: a device does the rest
 */
export function fillChecksum(
  into: Uint8Array,
  at: number,
  path: Path,
  outgoing: Outgoing,
  partly: boolean,
): void {
  const where = outgoing.checksumOffset;
  if (where < 0 || path.via.checksums === "nobody") return;
  const { protocol, length } = outgoing;
  const pseudo = path.addressSum + protocol + length;
  if (partly) return put16(into, at + where, foldSum(pseudo));
  put16(into, at + where, 0);
  const checksum = checksumOf(addToSum(into, at, at + length, pseudo));
  // For UDP, zero means that there is none (RFC 768).
  put16(into, at + where, checksum === 0 && protocol === IPPROTO.UDP ? 0xffff : checksum);
}

/** The packet being sent; one serves all, as a link writes it before `send` returns. */
export class PacketWriter implements PacketSource {
  path!: Path;
  outgoing!: Outgoing;
  identification = 0;

  write(into: Uint8Array, at: number): void {
    const { path, outgoing } = this;
    if (path.version === 4) {
      const fragment = outgoing.dontFragment ? 0x4000 : 0;
      writeIpv4Header(into, at, path, outgoing, outgoing.length, this.identification, fragment);
    } else writeIpv6Header(into, at, path, outgoing, outgoing.length, outgoing.protocol);
    const transportAt = at + (path.version === 4 ? IPV4_BYTES : IPV6_BYTES);
    outgoing.write(into, transportAt);
    fillChecksum(into, transportAt, path, outgoing, isChecksumOffloaded(path, outgoing));
  }
}
