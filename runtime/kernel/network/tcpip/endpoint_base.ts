// What endpoints of all protocols have: addresses as programs see them, binding, errors, common options.
import { E, fail } from "../../errno.ts";
import { AF, IP, IPV6, SO, SOL } from "../constants.ts";
import type { InternetAddress } from "../endpoint.ts";
import {
  addressKey,
  ANY_4,
  ANY_6,
  isAny,
  isMapped,
  isMulticast,
  LOOPBACK_4,
  LOOPBACK_6,
  mapAddress,
  unmap,
} from "./ip/ip_address.ts";
import type { Path } from "./ip/path.ts";
import { type Bound, covers } from "./ports.ts";
import {
  getCommonOption,
  intBytes,
  readInt,
  setCommonOption,
  SocketOptions,
} from "./socket_options.ts";
import type { Stack } from "./stack.ts";

/** Bits of readiness, as poll(2) has them. */
export const Ready = { IN: 1, OUT: 4, ERR: 8, HUP: 16, RDHUP: 0x2000 } as const;

/** Multicast groups that one endpoint may join (igmp_max_memberships). */
const MAX_GROUPS = 20;

export abstract class EndpointBase implements Bound {
  changed: () => void = () => {};
  inode = 0;
  options = new SocketOptions();
  boundIp: Uint8Array | undefined;
  port = 0;
  listening = false;
  chosen = false;
  /** positive errno, told once */
  protected error = 0;
  /** multicast groups joined, by address */
  readonly groups = new Set<string>();
  readonly six: boolean;

  constructor(
    protected readonly stack: Stack,
    readonly family: number,
    private readonly type: number,
    private readonly protocol: number,
  ) {
    this.six = family === AF.INET6;
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  /** Throws what is pending, once. */
  protected throwError(): void {
    if (this.error !== 0) fail(this.takeError());
  }

  get local(): InternetAddress {
    return this.tell(this.localIp, this.port);
  }

  /** The address that packets come to, where that is settled. */
  protected get localIp(): Uint8Array | undefined {
    return this.boundIp;
  }

  /** An address as the family of this endpoint shows it. */
  tell(ip: Uint8Array | undefined, port: number, scope = 0): InternetAddress {
    if (ip === undefined) return { ip: this.six ? ANY_6 : ANY_4, port, scope: 0 };
    return { ip: this.six && ip.length === 4 ? mapAddress(ip) : ip, port, scope };
  }

  /** An address that a program gave, as the protocols use it. @throws Errno EAFNOSUPPORT, ENETUNREACH */
  protected understand({ ip }: InternetAddress): Uint8Array {
    if (!this.six) {
      if (ip.length !== 4) fail(E.EAFNOSUPPORT);
      return ip.slice();
    }
    // A socket of IPv6 takes an IPv4 address in its mapped form only.
    if (ip.length !== 16) fail(E.EAFNOSUPPORT);
    if (!isMapped(ip)) return ip.slice();
    if (this.options.v6Only) fail(E.ENETUNREACH);
    return unmap(ip);
  }

  /** Checks an address to bind to. @throws Errno EADDRNOTAVAIL, EINVAL, EAFNOSUPPORT */
  protected checkBind(address: InternetAddress): void {
    if (this.port !== 0 || this.boundIp !== undefined) fail(E.EINVAL);
    const mapped = this.six && address.ip.length === 16 && isMapped(address.ip);
    if (mapped && this.options.v6Only) fail(E.EINVAL);
    const ip = this.understand(address);
    if (isAny(ip)) {
      // The mapped form of "any" is any address of IPv4, and none of IPv6.
      this.boundIp = mapped ? ip : undefined;
      return;
    }
    const { routes } = this.stack;
    const many = isMulticast(ip) || routes.isBroadcast(ip);
    if (!routes.isLocal(ip) && !many && !this.options.freeBind) fail(E.EADDRNOTAVAIL);
    this.boundIp = ip;
  }

  /** The way to an address, from the one that this endpoint is bound to or another. @throws Errno ENETUNREACH */
  protected pathTo(address: InternetAddress, source = this.boundIp): Path {
    let ip = this.understand(address);
    // "Any" as a destination is this machine.
    if (isAny(ip)) ip = ip.length === 4 ? LOOPBACK_4 : LOOPBACK_6;
    const { routes } = this.stack;
    if (source !== undefined && source.length !== ip.length) fail(E.ENETUNREACH);
    // Whoever is bound to a group, or to all, sends from the address that the way has.
    const own = source === undefined || isAny(source) || isMulticast(source) ||
        routes.isBroadcast(source)
      ? undefined
      : source;
    return routes.find(ip, own, address.scope) ?? fail(E.ENETUNREACH);
  }

  covers(version: 4 | 6): boolean {
    return covers(this, version);
  }

  setOption(level: number, name: number, value: Uint8Array): void {
    if (level === SOL.IPV6 && !this.six) fail(E.ENOPROTOOPT);
    if (level === SOL.IPV6 && name === IPV6.V6ONLY) {
      if (this.port !== 0) fail(E.EINVAL);
      this.options.v6Only = readInt(value) !== 0;
      return;
    }
    if (level === SOL.IP && (name === IP.ADD_MEMBERSHIP || name === IP.DROP_MEMBERSHIP)) {
      return this.#member(value.slice(0, 4), name === IP.ADD_MEMBERSHIP);
    }
    if (level === SOL.IPV6 && (name === IPV6.ADD_MEMBERSHIP || name === IPV6.DROP_MEMBERSHIP)) {
      return this.#member(value.slice(0, 16), name === IPV6.ADD_MEMBERSHIP);
    }
    const interfaceOption = level === SOL.IP && name === IP.MULTICAST_IF ||
      level === SOL.IPV6 && name === IPV6.MULTICAST_IF;
    // There is one interface that groups can be on.
    if (interfaceOption) return;
    setCommonOption(this.options, level, name, value);
  }

  #member(group: Uint8Array, join: boolean): void {
    const size = this.six && group.length === 16 ? 16 : 4;
    if (group.length !== size || !isMulticast(group)) fail(E.EINVAL);
    const key = addressKey(group);
    if (this.groups.has(key) === join) fail(join ? E.EADDRINUSE : E.EADDRNOTAVAIL);
    if (join && this.groups.size >= MAX_GROUPS) fail(E.ENOBUFS);
    if (join) this.groups.add(key);
    else this.groups.delete(key);
    this.stack.groupChanged(key, join);
  }

  /** Leaves all groups, on closing. */
  protected leaveGroups(): void {
    for (const key of this.groups) this.stack.groupChanged(key, false);
    this.groups.clear();
  }

  getOption(level: number, name: number): Uint8Array {
    if (level === SOL.SOCKET) {
      if (name === SO.TYPE) return intBytes(this.type);
      if (name === SO.PROTOCOL) return intBytes(this.protocol);
      if (name === SO.DOMAIN) return intBytes(this.family);
      if (name === SO.ERROR) return intBytes(this.takeError());
      if (name === SO.ACCEPTCONN) return intBytes(this.listening ? 1 : 0);
    }
    if (level === SOL.IPV6) {
      if (!this.six) fail(E.ENOPROTOOPT);
      if (name === IPV6.V6ONLY) return intBytes(this.options.v6Only ? 1 : 0);
    }
    return getCommonOption(this.options, level, name);
  }
}
