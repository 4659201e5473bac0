// Which interface, next hop and source address lead to a destination: local addresses, networks on the
// link, and a gateway for the rest. Source addresses after RFC 6724, as far as one interface needs it.
import type { RouteInfo } from "../../endpoint.ts";
import type { Link } from "../link/link.ts";
import {
  addressKey,
  ANY_4,
  ANY_6,
  equalAddress,
  inNetwork,
  isBroadcastOf,
  isLimitedBroadcast,
  isLinkLocal,
  isLoopback,
  isMulticast,
  LOOPBACK_4,
  networkAddress,
} from "./ip_address.ts";
import { Path } from "./path.ts";

/** Path MTUs learned from ICMP: destinations remembered, and for how long (RFC 1191, 6.3). */
const MAX_LEARNED = 1024;
const LEARNED_NS = 600e9;
/** An MTU below this is not believed (RFC 791, 3.2: hosts accept 576; RFC 8200, 5). */
const LEAST_MTU_4 = 552, LEAST_MTU_6 = 1280;

export class Routes {
  #learned = new Map<string, { mtu: number; untilNs: number }>();

  constructor(
    private readonly loopback: Link,
    private readonly links: readonly Link[],
    private readonly gateways: readonly { link: Link; ip: Uint8Array }[],
    private readonly nowNs: () => number,
  ) {}

  /** Whether packets to this address are for this machine alone. */
  isLocal(ip: Uint8Array): boolean {
    if (isLoopback(ip)) return true;
    for (const link of this.links) {
      for (const address of link.addresses) if (equalAddress(address.ip, ip)) return true;
    }
    return false;
  }

  isBroadcast(ip: Uint8Array): boolean {
    return isLimitedBroadcast(ip) ||
      this.links.some(({ addresses }) => addresses.some((each) => isBroadcastOf(ip, each)));
  }

  /**
   * The way to a destination; undefined where there is none.
   * @param source the address to send from, where that is settled @param scope index of the interface, or 0
   */
  find(destination: Uint8Array, source?: Uint8Array, scope = 0): Path | undefined {
    if (this.isLocal(destination)) {
      const own = isLoopback(destination) && destination.length === 4 ? LOOPBACK_4 : destination;
      return this.#path(this.loopback, source ?? own, destination, destination);
    }
    // Only this machine can answer to a loopback address.
    if (source !== undefined && isLoopback(source)) return undefined;
    const broadcast = this.isBroadcast(destination);
    const toMany = broadcast || isMulticast(destination);
    for (const link of this.links) {
      if (link.loopback || scope !== 0 && scope !== link.index) continue;
      const onLink = toMany || isLinkLocal(destination) ||
        link.addresses.some((each) => inNetwork(destination, each));
      if (!onLink) continue;
      const from = source ?? this.#sourceOn(link, destination);
      if (from === undefined) continue;
      const nextHop = broadcast ? new Uint8Array(4).fill(255) : destination;
      return this.#path(link, from, destination, nextHop);
    }
    for (const { link, ip } of this.gateways) {
      if (ip.length !== destination.length || scope !== 0 && scope !== link.index) continue;
      const from = source ?? this.#sourceOn(link, destination);
      if (from !== undefined) return this.#path(link, from, destination, ip);
    }
    return undefined;
  }

  #path(link: Link, source: Uint8Array, destination: Uint8Array, nextHop: Uint8Array): Path {
    const learned = this.#learned.get(addressKey(destination));
    const mtu = learned !== undefined && this.nowNs() < learned.untilNs ? learned.mtu : link.mtu;
    return new Path(link, source, destination, nextHop, mtu);
  }

  /** An address in the destination's network, else the first of its kind and reach. */
  #sourceOn(link: Link, destination: Uint8Array): Uint8Array | undefined {
    const local = isLinkLocal(destination) ||
      destination[0] === 0xff && (destination[1] & 0xf) <= 2 && destination.length === 16;
    const fitting = link.addresses.filter(({ ip }) => ip.length === destination.length);
    const best = fitting.find((each) => !isLinkLocal(each.ip) && inNetwork(destination, each)) ??
      fitting.find(({ ip }) => isLinkLocal(ip) === local) ?? fitting[0];
    return best?.ip;
  }

  /** What a router said of the largest packet to a destination. @returns the MTU that now holds */
  learnMtu(destination: Uint8Array, mtu: number): number {
    const least = destination.length === 4 ? LEAST_MTU_4 : LEAST_MTU_6;
    const believed = Math.max(least, mtu);
    const key = addressKey(destination);
    if (this.#learned.size >= MAX_LEARNED && !this.#learned.has(key)) {
      this.#learned.delete(this.#learned.keys().next().value!);
    }
    this.#learned.set(key, { mtu: believed, untilNs: this.nowNs() + LEARNED_NS });
    return believed;
  }

  list(): RouteInfo[] {
    const list: RouteInfo[] = [];
    for (const { link, ip } of this.gateways) {
      const destination = ip.length === 4 ? ANY_4 : ANY_6;
      list.push({ destination, prefix: 0, gateway: ip, index: link.index });
    }
    for (const link of this.links) {
      if (link.loopback) continue;
      for (const network of link.addresses) {
        const { prefix } = network;
        const destination = networkAddress(network);
        list.push({ destination, prefix, gateway: undefined, index: link.index });
      }
    }
    return list;
  }
}
