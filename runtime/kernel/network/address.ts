// Socket addresses of the Internet families as bytes: sockaddr_in (ip(7)) and sockaddr_in6 (ipv6(7)).
import { E, fail } from "../errno.ts";
import { AF } from "./constants.ts";
import type { InternetAddress } from "./endpoint.ts";

export const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;

/** The family of an address. @throws Errno EINVAL where it is too short to have one */
export function familyOf(sockaddr: Uint8Array): number {
  if (sockaddr.length < 2) fail(E.EINVAL);
  return sockaddr[0] | sockaddr[1] << 8;
}

/** @throws Errno EINVAL (too short), EAFNOSUPPORT */
export function decodeAddress(sockaddr: Uint8Array): InternetAddress {
  const family = familyOf(sockaddr);
  const port = sockaddr[2] << 8 | sockaddr[3];
  if (family === AF.INET) {
    if (sockaddr.length < SOCKADDR_IN_BYTES) fail(E.EINVAL);
    return { ip: sockaddr.slice(4, 8), port, scope: 0 };
  }
  if (family !== AF.INET6) fail(E.EAFNOSUPPORT);
  // The scope came later than the structure: without it, 24 bytes are enough.
  if (sockaddr.length < 24) fail(E.EINVAL);
  const scope = sockaddr.length < SOCKADDR_IN6_BYTES
    ? 0
    : new DataView(sockaddr.buffer, sockaddr.byteOffset).getUint32(24, true);
  return { ip: sockaddr.slice(8, 24), port, scope };
}

/** An address as a program of Linux reads it. */
export function encodeAddress(address: InternetAddress): Uint8Array {
  const four = address.ip.length === 4;
  const bytes = new Uint8Array(four ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, four ? AF.INET : AF.INET6, true);
  view.setUint16(2, address.port);
  bytes.set(address.ip, four ? 4 : 8);
  if (!four) view.setUint32(24, address.scope, true);
  return bytes;
}
