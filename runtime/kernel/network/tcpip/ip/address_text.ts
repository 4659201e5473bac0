// Addresses as settings write them: "10.0.2.15", "fd00::15" (RFC 4291, 2.2), "10.0.2.15/24".
import type { Network } from "./ip_address.ts";

/** @throws Error naming the text where it is no address */
export function parseAddress(text: string): Uint8Array {
  const bytes = text.includes(":") ? parseSix(text) : parseFour(text);
  if (bytes === undefined) throw new Error(`Cannot parse IP address "${text}"`);
  return Uint8Array.from(bytes);
}

/** @throws Error naming the text where it is no address with a prefix length */
export function parseNetwork(text: string): Network {
  const [address, length, ...more] = text.split("/");
  const ip = parseAddress(address);
  if (more.length > 0 || !/^\d{1,3}$/.test(length ?? "") || Number(length) > ip.length * 8) {
    throw new Error(`Cannot parse address with prefix "${text}"`);
  }
  return { ip, prefix: Number(length) };
}

function parseFour(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseSix(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 1 ? undefined : parseGroups(halves[1], true);
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 16 ? head : undefined;
  if (tail === undefined || head.length + tail.length > 14) return undefined;
  return [...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail];
}

/** Groups between colons. @param last the address ends with them: the last may be an IPv4 address */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const four = last && index === groups.length - 1 ? parseFour(group) : undefined;
    if (four === undefined) return undefined;
    bytes.push(...four);
  }
  return bytes;
}
