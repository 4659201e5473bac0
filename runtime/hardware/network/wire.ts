// Numbers of protocols, and the Internet checksum (RFC 1071), for the parts of the network that are outside of the
// machine.

export const ETHERNET_BYTES = 14;
export const EtherType = { IPV4: 0x0800, ARP: 0x0806, IPV6: 0x86dd } as const;
export const Protocol = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 } as const;

/** Adds the 16-bit words of `bytes[at, end)`, a last odd byte padded with zero, to a folded sum. */
export function sumWords(bytes: Uint8Array, at: number, end: number, sum = 0): number {
  // Frames have at most 64 KiB: 32,768 words of 16 bits stay below 2^31.
  for (; at + 1 < end; at += 2) sum += bytes[at] << 8 | bytes[at + 1];
  if (at < end) sum += bytes[at] << 8;
  return fold(sum);
}

function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** The sum of the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1), whose addresses lie one after the other. */
export function pseudoSum(
  bytes: Uint8Array,
  addressesAt: number,
  addressesEnd: number,
  protocol: number,
  length: number,
): number {
  return fold(sumWords(bytes, addressesAt, addressesEnd) + protocol + fold(length));
}

/** The checksum for a sum: what makes the whole add up to 0xffff. */
export function checksumOf(sum: number): number {
  return ~fold(sum) & 0xffff;
}
