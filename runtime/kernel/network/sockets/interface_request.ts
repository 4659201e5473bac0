// Requests about interfaces (netdevice(7)): `struct ifreq`, 40 bytes: name 0 to 15, then what is asked for.
import { E, fail } from "../../errno.ts";
import { encodeAddress } from "../address.ts";
import type { InterfaceInfo, Transport } from "../endpoint.ts";

const SIOC = {
  GIFNAME: 0x8910,
  GIFCONF: 0x8912,
  GIFFLAGS: 0x8913,
  GIFADDR: 0x8915,
  GIFBRDADDR: 0x8919,
  GIFNETMASK: 0x891b,
  GIFMETRIC: 0x891d,
  GIFMTU: 0x8921,
  GIFHWADDR: 0x8927,
  GIFINDEX: 0x8933,
  GIFTXQLEN: 0x8942,
} as const;
const REQUEST_BYTES = 40;
const NAME_BYTES = 16;
/** As SIOCGIFTXQLEN and netlink tell it. */
export const SEND_QUEUE_FRAMES = 1000;
const IFF = { UP: 1, BROADCAST: 2, LOOPBACK: 8, RUNNING: 0x40, MULTICAST: 0x1000 } as const;
const ARPHRD = { ETHER: 1, LOOPBACK: 772 } as const;

/** As SIOCGIFFLAGS and netlink tell them. */
export function interfaceFlags({ loopback }: InterfaceInfo): number {
  return IFF.UP | IFF.RUNNING | (loopback ? IFF.LOOPBACK : IFF.BROADCAST | IFF.MULTICAST);
}

export function hardwareType({ loopback }: InterfaceInfo): number {
  return loopback ? ARPHRD.LOOPBACK : ARPHRD.ETHER;
}

/**
 * The answer goes where the request is. To SIOCGIFCONF it is a `struct ifreq` with each IPv4 address, as many as
 * there is room for.
 * @returns 0; for SIOCGIFCONF the bytes written
 * @throws Errno ENOTTY, ENODEV, EADDRNOTAVAIL
 */
export function interfaceRequest(
  transport: Transport,
  request: number,
  payload: Uint8Array,
): number {
  if (!Object.values<number>(SIOC).includes(request)) fail(E.ENOTTY);
  if (request === SIOC.GIFCONF) return listAddresses(transport, payload);
  if (payload.length < REQUEST_BYTES) fail(E.EINVAL);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const all = transport.interfaces();
  if (request === SIOC.GIFNAME) {
    const index = view.getInt32(NAME_BYTES, true);
    const { name } = all.find((each) => each.index === index) ?? fail(E.ENODEV);
    putName(payload, name);
    return 0;
  }
  const end = payload.subarray(0, NAME_BYTES).indexOf(0);
  const name = new TextDecoder().decode(payload.slice(0, end < 0 ? NAME_BYTES : end));
  const found = all.find((each) => each.name === name) ?? fail(E.ENODEV);
  payload.fill(0, NAME_BYTES, REQUEST_BYTES);
  switch (request) {
    case SIOC.GIFFLAGS:
      view.setInt16(NAME_BYTES, interfaceFlags(found), true);
      return 0;
    case SIOC.GIFINDEX:
      view.setInt32(NAME_BYTES, found.index, true);
      return 0;
    case SIOC.GIFMTU:
      view.setInt32(NAME_BYTES, found.mtu, true);
      return 0;
    case SIOC.GIFMETRIC:
      return 0;
    case SIOC.GIFTXQLEN:
      view.setInt32(NAME_BYTES, SEND_QUEUE_FRAMES, true);
      return 0;
    case SIOC.GIFHWADDR:
      view.setUint16(NAME_BYTES, hardwareType(found), true);
      payload.set(found.mac, NAME_BYTES + 2);
      return 0;
  }
  const address = found.addresses.find(({ ip }) => ip.length === 4) ?? fail(E.EADDRNOTAVAIL);
  const mask = address.prefix === 0 ? 0 : -1 << 32 - address.prefix;
  const bits = new DataView(address.ip.buffer, address.ip.byteOffset).getInt32(0);
  const answer = request === SIOC.GIFADDR
    ? bits
    : request === SIOC.GIFNETMASK
    ? mask
    : bits | ~mask;
  const ip = Uint8Array.of(answer >>> 24, answer >>> 16, answer >>> 8, answer);
  payload.set(encodeAddress({ ip, port: 0, scope: 0 }), NAME_BYTES);
  return 0;
}

function putName(request: Uint8Array, name: string): void {
  request.fill(0, 0, NAME_BYTES).set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1));
}

function listAddresses(transport: Transport, payload: Uint8Array): number {
  let at = 0;
  for (const { name, addresses } of transport.interfaces()) {
    for (const { ip } of addresses) {
      if (ip.length !== 4 || at + REQUEST_BYTES > payload.length) continue;
      const request = payload.subarray(at, at + REQUEST_BYTES).fill(0);
      putName(request, name);
      request.set(encodeAddress({ ip, port: 0, scope: 0 }), NAME_BYTES);
      at += REQUEST_BYTES;
    }
  }
  return at;
}
