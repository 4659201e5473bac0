// What goes with a datagram beside its data (ip(7), RFC 3542): to whom it was sent, over which interface, with
// which limit to its hops and which class, and when it came; and what a program says of one that it sends.
import { E, fail } from "../../errno.ts";
import { IP, IPV6, SO, SOL } from "../constants.ts";
import { controlMessages, ControlWriter } from "../control.ts";
import { isAny, isMapped, mapAddress, unmap } from "./ip/ip_address.ts";
import type { Packet } from "./link/link.ts";
import { intBytes, readInt, type SocketOptions } from "./socket_options.ts";

/** How a datagram came. */
export interface Arrival {
  destination: Uint8Array;
  /** address of this machine that an answer is best sent from: a group or broadcast is none */
  own: Uint8Array;
  /** of the interface */
  index: number;
  hopLimit: number;
  trafficClass: number;
  realtimeNs: bigint;
}

/** What a program wants of one datagram. */
export interface Departure {
  source?: Uint8Array;
  /** of the interface; 0 for any */
  index: number;
  hopLimit?: number;
  trafficClass?: number;
}

const PACKET_INFO_4_BYTES = 12, PACKET_INFO_6_BYTES = 20;
const NS_PER_SECOND = 1_000_000_000n;

/** Whether a program has asked for anything of the kind. */
export function wantsAncillary(options: SocketOptions): boolean {
  return options.packetInfo || options.receiveHops || options.receiveClass ||
    options.timestamp !== 0 || options.timestampNs !== 0;
}

export function arrivalOf(packet: Packet, realtimeNs: bigint): Arrival {
  const { via, toMany, hopLimit, trafficClass } = packet;
  const destination = packet.destination();
  const own = toMany
    ? via.addresses.find(({ ip }) => ip.length === destination.length)?.ip ?? destination
    : destination;
  return { destination, own, index: via.index, hopLimit, trafficClass, realtimeNs };
}

/**
 * What recvmsg(2) tells of a datagram.
 * @param six whether the socket is one of IPv6
 * @param room bytes for it @returns control messages, and whether they did not fit
 */
export function ancillaryOf(
  arrival: Arrival,
  options: SocketOptions,
  six: boolean,
  room: number,
): { control: Uint8Array; truncated: boolean } {
  const writer = new ControlWriter(new Uint8Array(room));
  putAncillary(writer, arrival, options, six);
  return { control: writer.written, truncated: writer.truncated };
}

/** Puts what a program has asked for. */
export function putAncillary(
  writer: ControlWriter,
  arrival: Arrival,
  options: SocketOptions,
  six: boolean,
): void {
  const { realtimeNs, hopLimit, trafficClass, destination } = arrival;
  const seconds = realtimeNs / NS_PER_SECOND, rest = realtimeNs % NS_PER_SECOND;
  if (options.timestamp !== 0) {
    writer.put(SOL.SOCKET, SO.TIMESTAMP, longs(seconds, rest / 1000n));
  }
  if (options.timestampNs !== 0) writer.put(SOL.SOCKET, SO.TIMESTAMPNS, longs(seconds, rest));
  if (!six) {
    if (options.packetInfo) writer.put(SOL.IP, IP.PKTINFO, packetInfo4(arrival));
    if (options.receiveHops) writer.put(SOL.IP, IP.TTL, intBytes(hopLimit));
    if (options.receiveClass) writer.put(SOL.IP, IP.TOS, Uint8Array.of(trafficClass));
  } else {
    if (options.packetInfo) writer.put(SOL.IPV6, IPV6.PKTINFO, packetInfo6(arrival));
    // What came over IPv4 has neither.
    if (destination.length === 16) {
      if (options.receiveHops) writer.put(SOL.IPV6, IPV6.HOPLIMIT, intBytes(hopLimit));
      if (options.receiveClass) writer.put(SOL.IPV6, IPV6.TCLASS, intBytes(trafficClass));
    }
  }
}

function longs(...values: bigint[]): Uint8Array {
  return new Uint8Array(BigInt64Array.from(values).buffer);
}

function packetInfo4({ index, own, destination }: Arrival): Uint8Array {
  const bytes = new Uint8Array(PACKET_INFO_4_BYTES);
  bytes.set(intBytes(index));
  bytes.set(own, 4);
  bytes.set(destination, 8);
  return bytes;
}

function packetInfo6({ index, destination }: Arrival): Uint8Array {
  const bytes = new Uint8Array(PACKET_INFO_6_BYTES);
  bytes.set(destination.length === 4 ? mapAddress(destination) : destination);
  bytes.set(intBytes(index), 16);
  return bytes;
}

/**
 * What the control messages of sendmsg(2) say; those of other levels are not for here.
 * @param six whether the socket is one of IPv6
 * @throws Errno EINVAL for messages that are not there, or too short, and for numbers that are none
 */
export function readDeparture(control: Uint8Array, six: boolean): Departure {
  const departure: Departure = { index: 0 };
  for (const { level, type, data } of controlMessages(control)) {
    if (level === SOL.IP) readOf4(departure, type, data);
    else if (level === SOL.IPV6 && six) readOf6(departure, type, data);
  }
  return departure;
}

function readOf4(departure: Departure, type: number, data: Uint8Array): void {
  if (type === IP.PKTINFO) {
    if (data.length < PACKET_INFO_4_BYTES) fail(E.EINVAL);
    departure.index = readInt(data);
    const source = data.slice(4, 8);
    if (!isAny(source)) departure.source = source;
  } else if (type === IP.TTL) {
    departure.hopLimit = numberOf(data, 1);
  } else if (type === IP.TOS) {
    departure.trafficClass = data.length === 1 ? data[0] : numberOf(data, 0);
  } else fail(E.EINVAL);
}

function readOf6(departure: Departure, type: number, data: Uint8Array): void {
  if (type === IPV6.PKTINFO) {
    if (data.length < PACKET_INFO_6_BYTES) fail(E.EINVAL);
    departure.index = readInt(data.subarray(16));
    const source = data.slice(0, 16);
    if (!isAny(source)) departure.source = isMapped(source) ? unmap(source) : source;
  } else if (type === IPV6.HOPLIMIT || type === IPV6.TCLASS) {
    // -1 is what the socket has.
    if (data.length >= 4 && readInt(data) === -1) return;
    departure[type === IPV6.TCLASS ? "trafficClass" : "hopLimit"] = numberOf(data, 0);
  } else fail(E.EINVAL);
}

function numberOf(data: Uint8Array, least: number): number {
  const value = data.length < 4 ? -1 : readInt(data);
  return value >= least && value <= 255 ? value : fail(E.EINVAL);
}
