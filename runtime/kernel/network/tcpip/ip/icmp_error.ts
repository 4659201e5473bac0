// Errors of ICMP (RFC 792) and ICMPv6 (RFC 4443): which error number a program gets for each, and what of
// its packet they quote.
import { E } from "../../../errno.ts";
import { IPPROTO } from "../../constants.ts";
import type { Packet } from "../link/link.ts";
import { get16, get32 } from "../../../../hardware/network_order.ts";
import { FRAGMENTATION_NEEDED_4, Icmp4, Icmp6 } from "./icmp_message.ts";

/** What an error says of a packet that we sent. */
export interface PacketError {
  errno: number;
  /** waiting does not help */
  fatal: boolean;
  /** the largest packet that goes through, where that is the error */
  mtu: number | undefined;
  protocol: number;
  local: Uint8Array;
  remote: Uint8Array;
  localPort: number;
  remotePort: number;
  /** of the TCP segment */
  sequence: number;
  /** what is left of the packet, from the header of its transport on */
  quoted: Uint8Array;
  /** of the message that tells of it, and what it says besides */
  type: number;
  code: number;
  info: number;
  /** who says so; undefined where this machine found out by itself */
  report: Packet | undefined;
}

type Quoted = Omit<PacketError, "errno" | "fatal" | "mtu" | "type" | "code" | "info" | "report">;

/** errno of UNREACHABLE by code (RFC 1122, 3.2.2.1; RFC 1812, 5.2.7.1), and whether it is final. */
const UNREACHABLE_4: readonly [number, boolean][] = [
  [E.ENETUNREACH, false],
  [E.EHOSTUNREACH, false],
  [E.ENOPROTOOPT, true],
  [E.ECONNREFUSED, true],
  [E.EMSGSIZE, false],
  [E.EOPNOTSUPP, false],
  [E.ENETUNREACH, true],
  [E.EHOSTDOWN, true],
  [E.ENETUNREACH, true],
  [E.ENETUNREACH, true],
  [E.EHOSTUNREACH, true],
  [E.ENETUNREACH, false],
  [E.EHOSTUNREACH, false],
  [E.EHOSTUNREACH, true],
  [E.EHOSTUNREACH, true],
  [E.EHOSTUNREACH, true],
];
const UNREACHABLE_6: readonly [number, boolean][] = [
  [E.ENETUNREACH, false],
  [E.EACCES, true],
  [E.EHOSTUNREACH, false],
  [E.EHOSTUNREACH, false],
  [E.ECONNREFUSED, true],
  [E.EACCES, true],
  [E.EACCES, true],
];

/** @param rest bytes 4 to 8 of the message */
export function errnoOfIcmp4(type: number, code: number): [number, boolean] | undefined {
  if (type === Icmp4.UNREACHABLE) return UNREACHABLE_4[code];
  if (type === Icmp4.TIME_EXCEEDED) return [E.EHOSTUNREACH, false];
  return type === Icmp4.PARAMETER ? [E.EPROTO, true] : undefined;
}

export function errnoOfIcmp6(type: number, code: number): [number, boolean] | undefined {
  if (type === Icmp6.UNREACHABLE) return UNREACHABLE_6[code];
  if (type === Icmp6.TOO_BIG) return [E.EMSGSIZE, false];
  if (type === Icmp6.TIME_EXCEEDED) return [E.EHOSTUNREACH, false];
  return type === Icmp6.PARAMETER ? [E.EPROTO, true] : undefined;
}

/** The error that a message of ICMP reports; undefined where it makes no sense. */
export function readIcmpError(packet: Packet): PacketError | undefined {
  const { bytes, payloadAt: at, end, version } = packet;
  if (end - at < 8) return undefined;
  const type = bytes[at], code = bytes[at + 1];
  const found = version === 4 ? errnoOfIcmp4(type, code) : errnoOfIcmp6(type, code);
  const quoted = readQuoted(bytes, at + 8, end, version);
  if (found === undefined || quoted === undefined) return undefined;
  const [errno, fatal] = found;
  let mtu: number | undefined;
  if (version === 6 && type === Icmp6.TOO_BIG) mtu = get32(bytes, at + 4);
  if (version === 4 && type === Icmp4.UNREACHABLE && code === FRAGMENTATION_NEEDED_4) {
    // Old routers do not say (RFC 1191, 5): take the least that all links carry.
    mtu = get16(bytes, at + 6) || 576;
  }
  const pointed = version === 4 ? Icmp4.PARAMETER : Icmp6.PARAMETER;
  const pointer = version === 4 ? bytes[at + 4] : get32(bytes, at + 4);
  const info = mtu ?? (type === pointed ? pointer : 0);
  return { ...quoted, errno, fatal, mtu, type, code, info, report: packet };
}

/** Addresses and ports of the packet that starts at `at`, of which at least 8 bytes of payload are there. */
export function readQuoted(
  bytes: Uint8Array,
  at: number,
  end: number,
  version: 4 | 6,
): Quoted | undefined {
  const headerBytes = version === 4 ? (bytes[at] & 0xf) * 4 : 40;
  if (headerBytes < 20 || end - at < headerBytes + 8 || bytes[at] >> 4 !== version) {
    return undefined;
  }
  const size = version === 4 ? 4 : 16, sourceAt = at + (version === 4 ? 12 : 8);
  const transportAt = at + headerBytes;
  // Only the first fragment has the ports.
  if (version === 4 && (get16(bytes, at + 6) & 0x1fff) !== 0) return undefined;
  const protocol = version === 4 ? bytes[at + 9] : bytes[at + 6];
  const echo = protocol === IPPROTO.ICMP || protocol === IPPROTO.ICMPV6;
  return {
    protocol,
    local: bytes.slice(sourceAt, sourceAt + size),
    remote: bytes.slice(sourceAt + size, sourceAt + 2 * size),
    // The identifier of an echo stands for its port.
    localPort: get16(bytes, transportAt + (echo ? 4 : 0)),
    remotePort: echo ? 0 : get16(bytes, transportAt + 2),
    sequence: get32(bytes, transportAt + 4),
    quoted: bytes.slice(transportAt, end),
  };
}
