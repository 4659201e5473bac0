// The part of rtnetlink(7) that programs ask: links, addresses, routes and neighbours, all of them at a time.
import { AF } from "../constants.ts";
import type { InterfaceInfo, Transport } from "../endpoint.ts";
import { hardwareType, interfaceFlags, SEND_QUEUE_FRAMES } from "./interface_request.ts";
import { message, NLM_F, type Request, text, word } from "./netlink_message.ts";

const RTM = {
  NEWLINK: 16,
  GETLINK: 18,
  NEWADDR: 20,
  GETADDR: 22,
  NEWROUTE: 24,
  GETROUTE: 26,
  NEWNEIGH: 28,
  GETNEIGH: 30,
} as const;
const IFLA = { ADDRESS: 1, BROADCAST: 2, IFNAME: 3, MTU: 4, TXQLEN: 13, OPERSTATE: 16 } as const;
const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, FLAGS: 8 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, TABLE: 15 } as const;
const NDA = { DST: 1, LLADDR: 2 } as const;
const NUD = { INCOMPLETE: 1, REACHABLE: 2, STALE: 4 } as const;
const IFA_F_PERMANENT = 0x80;
const SCOPE = { UNIVERSE: 0, LINK: 253, HOST: 254 } as const;
const RT_TABLE_MAIN = 254, RTPROT_KERNEL = 2, RTN_UNICAST = 1;

/** Also asked for without the flag that says all. */
export const RTM_GETLINK = RTM.GETLINK;

/** @returns the answer's messages; undefined where nobody knows the request */
export function dumpRoutes(
  transport: Transport,
  { type, sequence, port, body: asked }: Request,
): Uint8Array[] | undefined {
  const family = asked[0] ?? AF.UNSPEC;
  const each = (kind: number, body: Uint8Array, attributes: [number, Uint8Array][]) =>
    message(kind, NLM_F.MULTI, sequence, port, body, attributes);
  const wanted = (bytes: number) =>
    family === AF.UNSPEC || family === (bytes === 4 ? AF.INET : AF.INET6);
  switch (type) {
    case RTM.GETLINK:
      return transport.interfaces().map((info) =>
        each(RTM.NEWLINK, link(info), [
          [IFLA.IFNAME, text(info.name)],
          [IFLA.TXQLEN, word(SEND_QUEUE_FRAMES)],
          [IFLA.OPERSTATE, Uint8Array.of(info.loopback ? 0 : 6)],
          [IFLA.MTU, word(info.mtu)],
          [IFLA.ADDRESS, info.mac],
          [IFLA.BROADCAST, new Uint8Array(6).fill(info.loopback ? 0 : 255)],
        ])
      );
    case RTM.GETADDR:
      return transport.interfaces().flatMap((info) =>
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
      return transport.routes().filter(({ destination }) => wanted(destination.length))
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
    case RTM.GETNEIGH:
      return transport.interfaces().flatMap(({ index, neighbours }) =>
        neighbours.filter(({ ip }) => wanted(ip.length)).map(({ ip, mac, stale }) => {
          const body = new Uint8Array(12);
          body[0] = ip.length === 4 ? AF.INET : AF.INET6;
          body.set(word(index), 4);
          body[8] = mac === undefined ? NUD.INCOMPLETE : stale ? NUD.STALE : NUD.REACHABLE;
          body[11] = RTN_UNICAST;
          const known: [number, Uint8Array][] = mac === undefined ? [] : [[NDA.LLADDR, mac]];
          return each(RTM.NEWNEIGH, body, [[NDA.DST, ip], ...known]);
        })
      );
  }
  return undefined;
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
