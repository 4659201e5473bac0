// The part of rtnetlink(7) that programs ask: links, addresses and routes, all of them at a time. A request
// is answered at once; the answer waits to be received.
import { E, fail } from "../../errno.ts";
import { AF, MSG, SOCK } from "../constants.ts";
import type { InterfaceInfo, Transport } from "../endpoint.ts";
import { hardwareType, interfaceFlags } from "./interface_request.ts";

const NETLINK_ROUTE = 0;
const HEADER_BYTES = 16;
const NLMSG = { ERROR: 2, DONE: 3 } as const;
const NLM_F = { MULTI: 2, DUMP: 0x300 } as const;
const RTM = {
  NEWLINK: 16,
  GETLINK: 18,
  NEWADDR: 20,
  GETADDR: 22,
  NEWROUTE: 24,
  GETROUTE: 26,
} as const;
const IFLA = { ADDRESS: 1, BROADCAST: 2, IFNAME: 3, MTU: 4, TXQLEN: 13, OPERSTATE: 16 } as const;
const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, FLAGS: 8 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, TABLE: 15 } as const;
const IFA_F_PERMANENT = 0x80;
const SCOPE = { UNIVERSE: 0, LINK: 253, HOST: 254 } as const;
const RT_TABLE_MAIN = 254, RTPROT_KERNEL = 2, RTN_UNICAST = 1;
const POLLIN = 1, POLLOUT = 4;
/** `struct sockaddr_nl` */
const ADDRESS_BYTES = 12;
let lastPort = 1 << 20;

const word = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
const text = (value: string) => new TextEncoder().encode(`${value}\0`);

/** `struct rtattr`s after a structure, each aligned to four bytes. */
function message(
  type: number,
  flags: number,
  sequence: number,
  port: number,
  body: Uint8Array,
  attributes: [number, Uint8Array][] = [],
): Uint8Array {
  const aligned = (bytes: number) => Math.ceil(bytes / 4) * 4;
  const length = attributes.reduce(
    (sum, [, value]) => sum + aligned(4 + value.length),
    HEADER_BYTES + aligned(body.length),
  );
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  view.setUint32(12, port, true);
  bytes.set(body, HEADER_BYTES);
  let at = HEADER_BYTES + aligned(body.length);
  for (const [kind, value] of attributes) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, kind, true);
    bytes.set(value, at + 4);
    at += aligned(4 + value.length);
  }
  return bytes;
}

export class NetlinkEndpoint {
  changed: () => void = () => {};
  readonly #answers: Uint8Array[] = [];
  #port = 0;

  /** @throws Errno ESOCKTNOSUPPORT, EPROTONOSUPPORT */
  constructor(private readonly transport: Transport, type: number, protocol: number) {
    if (type !== SOCK.RAW && type !== SOCK.DGRAM) fail(E.ESOCKTNOSUPPORT);
    if (protocol !== NETLINK_ROUTE) fail(E.EPROTONOSUPPORT);
  }

  get readiness(): number {
    return POLLOUT | (this.#answers.length > 0 ? POLLIN : 0);
  }
  get queuedIn(): number {
    return this.#answers[0]?.length ?? 0;
  }
  get queuedOut(): number {
    return 0;
  }

  /** `struct sockaddr_nl` of the socket. */
  get name(): Uint8Array {
    return addressOf(this.#port);
  }

  /** @param address port 0 for one that nobody has */
  bind(address: Uint8Array): void {
    if (address.length < ADDRESS_BYTES) fail(E.EINVAL);
    const view = new DataView(address.buffer, address.byteOffset, ADDRESS_BYTES);
    if (view.getUint16(0, true) !== AF.NETLINK) fail(E.EINVAL);
    // Nobody sends to groups: there is nothing to be told of later.
    this.#port = view.getUint32(4, true) || ++lastPort;
  }

  send(data: Uint8Array): number {
    if (this.#port === 0) this.#port = ++lastPort;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at + HEADER_BYTES <= data.length;) {
      const length = view.getUint32(at, true);
      if (length < HEADER_BYTES || at + length > data.length) break;
      this.#answer(view, at, data[at + HEADER_BYTES] ?? 0);
      at += Math.ceil(length / 4) * 4;
    }
    this.changed();
    return data.length;
  }

  #answer(view: DataView, at: number, family: number): void {
    const type = view.getUint16(at + 4, true), flags = view.getUint16(at + 6, true);
    const sequence = view.getUint32(at + 8, true);
    const parts = this.#dump(type, family, sequence);
    if (parts === undefined || (flags & NLM_F.DUMP) === 0 && type !== RTM.GETLINK) {
      const body = new Uint8Array(4 + HEADER_BYTES);
      body.set(word(-E.EOPNOTSUPP));
      for (let index = 0; index < HEADER_BYTES; index++) {
        body[4 + index] = view.getUint8(at + index);
      }
      this.#answers.push(message(NLMSG.ERROR, 0, sequence, this.#port, body));
      return;
    }
    parts.push(message(NLMSG.DONE, NLM_F.MULTI, sequence, this.#port, word(0)));
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let end = 0;
    for (const part of parts) {
      all.set(part, end);
      end += part.length;
    }
    this.#answers.push(all);
  }

  #dump(type: number, family: number, sequence: number): Uint8Array[] | undefined {
    const each = (kind: number, body: Uint8Array, attributes: [number, Uint8Array][]) =>
      message(kind, NLM_F.MULTI, sequence, this.#port, body, attributes);
    const wanted = (bytes: number) =>
      family === AF.UNSPEC || family === (bytes === 4 ? AF.INET : AF.INET6);
    switch (type) {
      case RTM.GETLINK:
        return this.transport.interfaces().map((info) =>
          each(RTM.NEWLINK, link(info), [
            [IFLA.IFNAME, text(info.name)],
            [IFLA.TXQLEN, word(1000)],
            [IFLA.OPERSTATE, Uint8Array.of(info.loopback ? 0 : 6)],
            [IFLA.MTU, word(info.mtu)],
            [IFLA.ADDRESS, info.mac],
            [IFLA.BROADCAST, new Uint8Array(6).fill(info.loopback ? 0 : 255)],
          ])
        );
      case RTM.GETADDR:
        return this.transport.interfaces().flatMap((info) =>
          info.addresses.filter(({ ip }) => wanted(ip.length)).map(({ ip, prefix }) => {
            const body = new Uint8Array(8);
            body.set([
              ip.length === 4 ? AF.INET : AF.INET6,
              prefix,
              IFA_F_PERMANENT,
              scopeOf(info, ip),
            ]);
            body.set(word(info.index), 4);
            return each(RTM.NEWADDR, body, [
              [IFA.ADDRESS, ip],
              ...(ip.length === 4 ? [[IFA.LOCAL, ip], [IFA.LABEL, text(info.name)]] : []) as [
                number,
                Uint8Array,
              ][],
              [IFA.FLAGS, word(IFA_F_PERMANENT)],
            ]);
          })
        );
      case RTM.GETROUTE:
        return this.transport.routes().filter(({ destination }) => wanted(destination.length))
          .map(({ destination, prefix, gateway, index }) => {
            const body = new Uint8Array(12);
            body.set([destination.length === 4 ? AF.INET : AF.INET6, prefix, 0, 0]);
            const scope = gateway === undefined ? SCOPE.LINK : SCOPE.UNIVERSE;
            body.set([RT_TABLE_MAIN, RTPROT_KERNEL, scope, RTN_UNICAST], 4);
            return each(RTM.NEWROUTE, body, [
              [RTA.TABLE, word(RT_TABLE_MAIN)],
              ...(prefix > 0 ? [[RTA.DST, destination]] : []) as [number, Uint8Array][],
              ...(gateway === undefined ? [] : [[RTA.GATEWAY, gateway]]) as [number, Uint8Array][],
              [RTA.OIF, word(index)],
            ]);
          });
    }
    return undefined;
  }

  receive(into: Uint8Array, flags: number): { count: number; flags: number; from: Uint8Array } {
    const next = this.#answers[0] ?? fail(E.EAGAIN);
    const part = next.subarray(0, into.length);
    into.set(part);
    if ((flags & MSG.PEEK) === 0) this.#answers.shift();
    const truncated = part.length < next.length;
    return {
      count: (flags & MSG.TRUNC) !== 0 ? next.length : part.length,
      flags: truncated ? MSG.TRUNC : 0,
      from: addressOf(0),
    };
  }

  close(): void {}
}

function addressOf(port: number): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  bytes[0] = AF.NETLINK;
  bytes.set(word(port), 4);
  return bytes;
}

/** `struct ifinfomsg` */
function link(info: InterfaceInfo): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint16(2, hardwareType(info), true);
  view.setInt32(4, info.index, true);
  view.setUint32(8, interfaceFlags(info), true);
  return body;
}

function scopeOf({ loopback }: InterfaceInfo, ip: Uint8Array): number {
  if (loopback) return SCOPE.HOST;
  return ip.length === 16 && ip[0] === 0xfe && (ip[1] & 0xc0) === 0x80
    ? SCOPE.LINK
    : SCOPE.UNIVERSE;
}
