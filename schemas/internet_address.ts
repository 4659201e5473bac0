// Internet addresses as manifests and plans write them, and as bytes in network order (RFC 4291, 2.2;
// RFC 5952).

/** @returns 4 or 16 bytes; undefined where the text is no address */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIp6(text) : parseIp4(text);
}

function parseIp4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) {
    return undefined;
  }
  const numbers = parts.map(Number);
  return numbers.every((number) => number < 256) ? Uint8Array.from(numbers) : undefined;
}

function parseIp6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => half === "" ? [] : half.split(":"));
  const given = groups.flat();
  if (!given.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  if (halves.length === 1 ? given.length !== 8 : given.length > 7) return undefined;
  const zeros = new Array(8 - given.length).fill("0");
  const all = [...groups[0], ...zeros, ...(groups[1] ?? [])].map((group) => parseInt(group, 16));
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The one way to write an address: IPv6 with its longest run of zeros left out. */
export function ipText(ip: Uint8Array): string {
  if (ip.length === 4) return ip.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ip[2 * index] << 8 | ip[2 * index + 1]);
  let from = 0, count = 0;
  for (let at = 0; at < 8; at++) {
    let run = 0;
    while (groups[at + run] === 0) run++;
    if (run > count) [from, count] = [at, run];
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  return count < 2
    ? text(groups)
    : `${text(groups.slice(0, from))}::${text(groups.slice(from + count))}`;
}

export function sameIp(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    if (left[index] !== right[index]) return false;
  }
  return true;
}

/** Whether an address means the host that it is used on. */
export function isLoopback(ip: Uint8Array): boolean {
  return ip.length === 4 ? ip[0] === 127 : ip.every((byte, index) => byte === (index < 15 ? 0 : 1));
}

/** An address and how many bits of it are the network's: "10.0.2.15/24". */
export function parseNetwork(text: string): { ip: Uint8Array; prefix: number } | undefined {
  const [, address, prefix] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const ip = address === undefined ? undefined : parseIp(address);
  return ip === undefined || Number(prefix) > ip.length * 8
    ? undefined
    : { ip, prefix: Number(prefix) };
}

/** Whether an address is in a network. */
export function inNetwork(ip: Uint8Array, network: { ip: Uint8Array; prefix: number }): boolean {
  if (ip.length !== network.ip.length) return false;
  for (let bit = 0; bit < network.prefix; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((ip[bit >> 3] ^ network.ip[bit >> 3]) & mask) !== 0) return false;
  }
  return true;
}

/** A host and a port; "*" is any port. IPv6 addresses are in brackets. */
export interface HostPort {
  host: string;
  port: number | "*";
}

/** @returns undefined where the text is none, or its port is none */
export function parseHostPort(text: string): HostPort | undefined {
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-fA-F:]+)\]|([^\s:[\]/]+)):(\d{1,5}|\*)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || bracketed !== undefined && parseIp(bracketed) === undefined) {
    return undefined;
  }
  // What looks like an address of IPv4 is one.
  if (/^[\d.]+$/.test(host) && parseIp(host) === undefined) return undefined;
  if (port === "*") return { host, port };
  const number = Number(port);
  return number >= 1 && number <= 65535 ? { host, port: number } : undefined;
}
