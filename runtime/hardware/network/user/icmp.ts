// ICMP and ICMPv6 of the translation (RFC 792, RFC 4443): pings of its own addresses are answered, and what
// the machine must not reach is answered with "communication administratively prohibited".
import type { Frame } from "../frame.ts";
import { NO_BYTES } from "../frame.ts";
import { put16 } from "../../network_order.ts";
import { checksumOf, Protocol, sumWords } from "../wire.ts";
import type { Ends, HeadWriter, Packet } from "./packet.ts";

const Type4 = { ECHO_REPLY: 0, UNREACHABLE: 3, ECHO: 8 } as const;
const Type6 = { UNREACHABLE: 1, ECHO: 128, ECHO_REPLY: 129 } as const;
const PROHIBITED_4 = 13, PROHIBITED_6 = 1;
const HEADER_BYTES = 8;
/** As much of a packet as an error may bring back: RFC 1812, 4.3.2.3 (RFC 4443 allows more). */
const QUOTED_BYTES = 548;

/** The answer to a ping; undefined where the packet is none. */
export function answerEcho(writer: HeadWriter, packet: Packet): Frame | undefined {
  const { version, payload } = packet;
  const [echo, reply] = version === 4
    ? [Type4.ECHO, Type4.ECHO_REPLY]
    : [Type6.ECHO, Type6.ECHO_REPLY];
  if (payload.length < HEADER_BYTES || payload[0] !== echo || payload[1] !== 0) return undefined;
  const message = payload.slice();
  message[0] = reply;
  return icmpFrame(writer, packet, message);
}

/** What says that a packet must not go where it wants to; undefined for packets that no error may answer. */
export function prohibit(writer: HeadWriter, packet: Packet): Frame | undefined {
  const { version, protocol, payload, bytes } = packet;
  const error = version === 4
    ? protocol === Protocol.ICMP && payload[0] !== Type4.ECHO
    : protocol === Protocol.ICMPV6 && payload[0] < Type6.ECHO;
  if (error || isMany(packet.remote)) return undefined;
  const quoted = bytes.subarray(0, QUOTED_BYTES);
  const message = new Uint8Array(HEADER_BYTES + quoted.length);
  message[0] = version === 4 ? Type4.UNREACHABLE : Type6.UNREACHABLE;
  message[1] = version === 4 ? PROHIBITED_4 : PROHIBITED_6;
  message.set(quoted, HEADER_BYTES);
  return icmpFrame(writer, packet, message);
}

/** A frame of a whole ICMP message, whose checksum is filled in. */
export function icmpFrame(
  writer: HeadWriter,
  ends: Ends,
  message: Uint8Array,
  hops?: number,
): Frame {
  const protocol = ends.version === 4 ? Protocol.ICMP : Protocol.ICMPV6;
  const head = writer.head(ends, protocol, message.length, 0, hops);
  const at = writer.transportAt(ends.version);
  head.set(message, at);
  put16(head, at + 2, 0);
  const pseudo = ends.version === 4 ? 0 : writer.pseudo(head, 6, protocol, message.length);
  put16(head, at + 2, checksumOf(sumWords(head, at, head.length, pseudo)));
  return { head, body: NO_BYTES };
}

/** Broadcast or multicast. */
export function isMany(ip: Uint8Array): boolean {
  return ip.length === 16 ? ip[0] === 0xff : ip[0] >= 0xe0;
}
