// Options of sockets that are whole numbers (socket(7), ip(7), ipv6(7)): kept by each endpoint, read and
// written by level and name. What an endpoint must do more than remember, it does itself.
import { E, fail } from "../../errno.ts";
import { IP, IPV6, SO, SOL } from "../constants.ts";
import { DEFAULT_BUFFER_BYTES, LEAST_BUFFER_BYTES, MOST_BUFFER_BYTES } from "../limits.ts";

/** The state of the options of one endpoint. */
export class SocketOptions {
  reuseAddress = false;
  reusePort = false;
  broadcast = false;
  keepAlive = false;
  oobInline = false;
  dontRoute = false;
  priority = 0;
  timestamp = 0;
  timestampNs = 0;
  receiveLow = 1;
  sendBytes = DEFAULT_BUFFER_BYTES;
  receiveBytes = DEFAULT_BUFFER_BYTES;
  /** seconds; negative: off */
  linger = -1;
  trafficClass4 = 0;
  trafficClass6 = 0;
  hopLimit4 = 64;
  hopLimit6 = 64;
  v6Only = false;
  discoverMtu = 1;
  multicastHops = 1;
  multicastLoop = true;
  receiveErrors = false;
  packetInfo = false;
  receiveOptions = false;
  receiveHops = false;
  receiveClass = false;
  freeBind = false;
  latePort = false;

  /** What an accepted connection has of its listener. */
  copy(): SocketOptions {
    return Object.assign(new SocketOptions(), this);
  }
}

/** Options with a yes or no, or a number, in one field. */
type Field = { [K in keyof SocketOptions]: SocketOptions[K] extends boolean | number ? K : never }[
  keyof SocketOptions
];

const FIELDS: readonly [level: number, name: number, field: Field, least: number, most: number][] =
  [
    [SOL.SOCKET, SO.REUSEADDR, "reuseAddress", 0, 1],
    [SOL.SOCKET, SO.REUSEPORT, "reusePort", 0, 1],
    [SOL.SOCKET, SO.BROADCAST, "broadcast", 0, 1],
    [SOL.SOCKET, SO.KEEPALIVE, "keepAlive", 0, 1],
    [SOL.SOCKET, SO.OOBINLINE, "oobInline", 0, 1],
    [SOL.SOCKET, SO.DONTROUTE, "dontRoute", 0, 1],
    [SOL.SOCKET, SO.PRIORITY, "priority", 0, 6],
    [SOL.SOCKET, SO.TIMESTAMP, "timestamp", 0, 1],
    [SOL.SOCKET, SO.TIMESTAMPNS, "timestampNs", 0, 1],
    [SOL.SOCKET, SO.RCVLOWAT, "receiveLow", 1, 0x7fff_ffff],
    [SOL.IP, IP.TOS, "trafficClass4", 0, 255],
    [SOL.IP, IP.TTL, "hopLimit4", 1, 255],
    [SOL.IP, IP.MTU_DISCOVER, "discoverMtu", 0, 5],
    [SOL.IP, IP.MULTICAST_TTL, "multicastHops", 0, 255],
    [SOL.IP, IP.MULTICAST_LOOP, "multicastLoop", 0, 1],
    [SOL.IP, IP.RECVERR, "receiveErrors", 0, 1],
    [SOL.IP, IP.PKTINFO, "packetInfo", 0, 1],
    [SOL.IP, IP.RETOPTS, "receiveOptions", 0, 1],
    [SOL.IP, IP.RECVTTL, "receiveHops", 0, 1],
    [SOL.IP, IP.RECVTOS, "receiveClass", 0, 1],
    [SOL.IP, IP.FREEBIND, "freeBind", 0, 1],
    [SOL.IP, IP.BIND_ADDRESS_NO_PORT, "latePort", 0, 1],
    [SOL.IPV6, IPV6.TCLASS, "trafficClass6", 0, 255],
    [SOL.IPV6, IPV6.UNICAST_HOPS, "hopLimit6", 1, 255],
    [SOL.IPV6, IPV6.MTU_DISCOVER, "discoverMtu", 0, 5],
    [SOL.IPV6, IPV6.MULTICAST_HOPS, "multicastHops", 0, 255],
    [SOL.IPV6, IPV6.MULTICAST_LOOP, "multicastLoop", 0, 1],
    [SOL.IPV6, IPV6.RECVERR, "receiveErrors", 0, 1],
    [SOL.IPV6, IPV6.RECVPKTINFO, "packetInfo", 0, 1],
    [SOL.IPV6, IPV6.RECVHOPLIMIT, "receiveHops", 0, 1],
    [SOL.IPV6, IPV6.RECVTCLASS, "receiveClass", 0, 1],
  ];

/** Limits to hops where −1 stands for the default. */
const HOP_LIMITS: ReadonlySet<Field> = new Set(["hopLimit4", "hopLimit6", "multicastHops"]);

/** A number as programs pass it: 4 bytes, or 1 where less is given. @throws Errno EINVAL */
export function readInt(value: Uint8Array): number {
  if (value.length === 0) fail(E.EINVAL);
  if (value.length < 4) return value[0];
  return value[0] | value[1] << 8 | value[2] << 16 | value[3] << 24;
}

export function intBytes(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}

/** Sets one of the common options. @throws Errno ENOPROTOOPT where it is none, EINVAL */
export function setCommonOption(
  options: SocketOptions,
  level: number,
  name: number,
  value: Uint8Array,
): void {
  if (level === SOL.SOCKET && name === SO.LINGER) {
    if (value.length < 8) fail(E.EINVAL);
    options.linger = readInt(value) === 0 ? -1 : Math.max(0, readInt(value.subarray(4)));
    return;
  }
  const number = readInt(value);
  if (level === SOL.SOCKET && (name === SO.SNDBUF || name === SO.SNDBUFFORCE)) {
    options.sendBytes = bufferBytes(number);
    return;
  }
  if (level === SOL.SOCKET && (name === SO.RCVBUF || name === SO.RCVBUFFORCE)) {
    options.receiveBytes = bufferBytes(number);
    return;
  }
  const row = FIELDS.find((each) => each[0] === level && each[1] === name);
  if (row === undefined) fail(E.ENOPROTOOPT);
  const [, , field, least, most] = row;
  if (typeof options[field] === "boolean") {
    Object.assign(options, { [field]: number !== 0 });
    return;
  }
  const wanted = number === -1 && HOP_LIMITS.has(field) ? new SocketOptions()[field] : number;
  if (Number(wanted) < least || Number(wanted) > most) fail(E.EINVAL);
  Object.assign(options, { [field]: wanted });
}

function bufferBytes(asked: number): number {
  return Math.min(MOST_BUFFER_BYTES, Math.max(LEAST_BUFFER_BYTES, asked));
}

/** @throws Errno ENOPROTOOPT */
export function getCommonOption(options: SocketOptions, level: number, name: number): Uint8Array {
  if (level === SOL.SOCKET) {
    if (name === SO.LINGER) {
      const bytes = new Uint8Array(8);
      if (options.linger >= 0) {
        bytes[0] = 1;
        bytes.set(intBytes(options.linger), 4);
      }
      return bytes;
    }
    // Linux counts its own bookkeeping in, and so tells twice what was asked for.
    if (name === SO.SNDBUF) return intBytes(2 * options.sendBytes);
    if (name === SO.RCVBUF) return intBytes(2 * options.receiveBytes);
    if (name === SO.SNDLOWAT) return intBytes(1);
  }
  const row = FIELDS.find((each) => each[0] === level && each[1] === name);
  if (row === undefined) fail(E.ENOPROTOOPT);
  return intBytes(Number(options[row[2]]));
}
