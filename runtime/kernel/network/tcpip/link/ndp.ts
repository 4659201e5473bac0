// Neighbour discovery (RFC 4861): solicitations and advertisements of addresses on the link.
import type { IpOutput } from "../ip/ip_output.ts";
import { equalAddress, isAny, isLinkLocal, isMulticast } from "../ip/ip_address.ts";
import { Icmp6, IcmpMessage } from "../ip/icmp_message.ts";
import { Path } from "../ip/path.ts";
import type { EthernetLink } from "./ethernet.ts";
import type { Packet } from "./link.ts";
import type { Neighbour } from "./neighbours.ts";

const MESSAGE_BYTES = 24;
const SOURCE_LINK_ADDRESS = 1, TARGET_LINK_ADDRESS = 2;
const SOLICITED = 0x40, OVERRIDE = 0x20;
/** Only a neighbour can send this: every router lowers it (RFC 4861, 7.1). */
const FROM_LINK = 255;
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** ff02::1:ffXX:XXXX, which everybody listens to whose address ends so. */
export function solicitedNode(ip: Uint8Array): Uint8Array {
  return Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ip[13], ip[14], ip[15]);
}

/** Whether a link with these addresses listens to a group by itself. */
export function isOwnGroup(link: { addresses: readonly { ip: Uint8Array }[] }, group: Uint8Array) {
  return equalAddress(group, ALL_NODES) ||
    link.addresses.some(({ ip }) => ip.length === 16 && equalAddress(group, solicitedNode(ip)));
}

/** The link-local address of an interface (RFC 4291, appendix A). */
export function linkLocalAddress(mac: Uint8Array): Uint8Array {
  const host = [mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]];
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...host);
}

/** Asks for the link address of a neighbour: its group where it is unknown, else itself. */
export function solicit(output: IpOutput, link: EthernetLink, neighbour: Neighbour): void {
  const six = link.addresses.filter(({ ip }) => ip.length === 16);
  const from = six.find(({ ip }) => isLinkLocal(ip) === isLinkLocal(neighbour.ip)) ?? six[0];
  if (from === undefined) return;
  const message = neighbourMessage(
    Icmp6.NEIGHBOUR_SOLICITATION,
    0,
    neighbour.ip,
    SOURCE_LINK_ADDRESS,
    link.mac,
  );
  const to = neighbour.mac === undefined ? solicitedNode(neighbour.ip) : neighbour.ip;
  const path = new Path(link, from.ip, to, to, link.mtu);
  output.send(path, new IcmpMessage(6, message, FROM_LINK));
}

function neighbourMessage(
  type: number,
  flags: number,
  target: Uint8Array,
  option: number,
  mac: Uint8Array,
): Uint8Array {
  const message = new Uint8Array(MESSAGE_BYTES + 8);
  message[0] = type;
  message[4] = flags;
  message.set(target, 8);
  message[MESSAGE_BYTES] = option;
  message[MESSAGE_BYTES + 1] = 1;
  message.set(mac, MESSAGE_BYTES + 2);
  return message;
}

/** Takes a solicitation or advertisement whose checksum is right. */
export function receiveNdp(output: IpOutput, link: EthernetLink, packet: Packet): void {
  const { bytes, payloadAt: at, end } = packet;
  if (packet.hopLimit !== FROM_LINK || bytes[at + 1] !== 0 || end - at < MESSAGE_BYTES) return;
  const target = bytes.slice(at + 8, at + 24);
  if (isMulticast(target)) return;
  const solicitation = bytes[at] === Icmp6.NEIGHBOUR_SOLICITATION;
  const option = solicitation ? SOURCE_LINK_ADDRESS : TARGET_LINK_ADDRESS;
  const mac = linkAddressOption(bytes, at + MESSAGE_BYTES, end, option);
  if (mac === null) return;
  if (!solicitation) {
    if (mac !== undefined) link.neighbours.learn(target, mac, true);
    return;
  }
  if (!link.addresses.some(({ ip }) => equalAddress(ip, target))) return;
  const asker = packet.source();
  // Whoever tests an address that it wants to take has none yet, and hears the answer with all others.
  const nameless = isAny(asker);
  if (!nameless && mac !== undefined) link.neighbours.learn(asker, mac, false);
  const answer = neighbourMessage(
    Icmp6.NEIGHBOUR_ADVERTISEMENT,
    OVERRIDE | (nameless ? 0 : SOLICITED),
    target,
    TARGET_LINK_ADDRESS,
    link.mac,
  );
  const to = nameless ? ALL_NODES : asker;
  output.send(new Path(link, target, to, to, link.mtu), new IcmpMessage(6, answer, FROM_LINK));
}

/** The link address among the options; undefined where there is none, null where options are broken. */
function linkAddressOption(bytes: Uint8Array, at: number, end: number, wanted: number) {
  let found: Uint8Array | undefined;
  while (at < end) {
    const length = at + 1 < end ? bytes[at + 1] * 8 : 0;
    if (length === 0 || at + length > end) return null;
    if (bytes[at] === wanted) found ??= bytes.slice(at + 2, at + 8);
    at += length;
  }
  // A group is nobody's own address.
  return found !== undefined && (found[0] & 1) !== 0 ? null : found;
}
