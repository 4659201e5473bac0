// IP addresses as bytes: 4 for IPv4, 16 for IPv6; a mapped IPv4 address (RFC 4291, 2.5.5.2) is IPv4 inside.

export const ANY_4 = new Uint8Array(4);
export const ANY_6 = new Uint8Array(16);
export const LOOPBACK_4 = Uint8Array.of(127, 0, 0, 1);
export const LOOPBACK_6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** An address with the prefix of its network. */
export interface Network {
  ip: Uint8Array;
  prefix: number;
}

export function equalAddress(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}

export function isAny(ip: Uint8Array): boolean {
  for (let index = 0; index < ip.length; index++) if (ip[index] !== 0) return false;
  return true;
}

export function isLoopback(ip: Uint8Array): boolean {
  return ip.length === 4 ? ip[0] === 127 : equalAddress(ip, LOOPBACK_6);
}

export function isMulticast(ip: Uint8Array): boolean {
  return ip.length === 4 ? (ip[0] & 0xf0) === 0xe0 : ip[0] === 0xff;
}

/** 255.255.255.255 */
export function isLimitedBroadcast(ip: Uint8Array): boolean {
  return ip.length === 4 && (ip[0] & ip[1] & ip[2] & ip[3]) === 0xff;
}

/** fe80::/10 */
export function isLinkLocal(ip: Uint8Array): boolean {
  return ip.length === 16 && ip[0] === 0xfe && (ip[1] & 0xc0) === 0x80;
}

/** ::ffff:0:0/96 */
export function isMapped(ip: Uint8Array): boolean {
  if (ip.length !== 16 || ip[10] !== 0xff || ip[11] !== 0xff) return false;
  for (let index = 0; index < 10; index++) if (ip[index] !== 0) return false;
  return true;
}

/** The IPv4 address of a mapped one. */
export function unmap(ip: Uint8Array): Uint8Array {
  return ip.slice(12);
}

/** An IPv4 address as an IPv6 socket tells it. */
export function mapAddress(ip: Uint8Array): Uint8Array {
  const mapped = new Uint8Array(16);
  mapped[10] = mapped[11] = 0xff;
  mapped.set(ip, 12);
  return mapped;
}

/** Whether `ip` is in the network. */
export function inNetwork(ip: Uint8Array, network: Network): boolean {
  if (ip.length !== network.ip.length) return false;
  const whole = network.prefix >> 3;
  for (let index = 0; index < whole; index++) if (ip[index] !== network.ip[index]) return false;
  const rest = network.prefix & 7;
  return rest === 0 || (ip[whole] ^ network.ip[whole]) >> 8 - rest === 0;
}

/** Whether `ip` is the broadcast address of an IPv4 network. */
export function isBroadcastOf(ip: Uint8Array, network: Network): boolean {
  if (ip.length !== 4 || network.prefix >= 31 || !inNetwork(ip, network)) return false;
  for (let bit = network.prefix; bit < 32; bit++) {
    if ((ip[bit >> 3] & 0x80 >> (bit & 7)) === 0) return false;
  }
  return true;
}

/** The network's own address: the host's bits are zero. */
export function networkAddress(network: Network): Uint8Array {
  return network.ip.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, network.prefix - 8 * index));
    return byte & 0xff00 >> bits;
  });
}

/** A key for tables: a string of as many characters as the address has bytes. */
export function addressKey(bytes: Uint8Array, at = 0, length = bytes.length): string {
  let key = "";
  for (let index = 0; index < length; index++) key += String.fromCharCode(bytes[at + index]);
  return key;
}
