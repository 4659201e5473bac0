// Which socket has which port, for one protocol: conflicts as Linux sees them (socket(7), SO_REUSEADDR and
// SO_REUSEPORT), and ports chosen at random (RFC 6056) in the range of ip_local_port_range.
import { E, fail } from "../../errno.ts";
import { FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT } from "../limits.ts";
import { equalAddress } from "./ip/ip_address.ts";
import type { SocketOptions } from "./socket_options.ts";

const EPHEMERAL_PORTS = LAST_EPHEMERAL_PORT - FIRST_EPHEMERAL_PORT + 1;

/** Something that holds a port. */
export interface Bound {
  /** of IPv6: with no address it has the port of IPv4 too, unless `v6Only` */
  readonly six: boolean;
  readonly options: Pick<SocketOptions, "reuseAddress" | "reusePort" | "v6Only">;
  /** undefined: any; 4 bytes where it is an address of IPv4 on either kind of socket */
  readonly boundIp: Uint8Array | undefined;
  readonly port: number;
  /** only one of those with SO_REUSEADDR may listen */
  readonly listening: boolean;
  /** the port was chosen to connect from: others may connect elsewhere from it */
  readonly chosen: boolean;
  /** whoever binds to the port had it before, and gets it again */
  readonly yields?: boolean;
}

/** Whether packets of an IP version may come to this holder. */
export function covers(bound: Bound, version: 4 | 6): boolean {
  if (bound.boundIp !== undefined) return (bound.boundIp.length === 4) === (version === 4);
  if (version === 4) return !bound.six || !bound.options.v6Only;
  return bound.six;
}

function overlap(left: Bound, right: Bound): boolean {
  const four = covers(left, 4) && covers(right, 4), six = covers(left, 6) && covers(right, 6);
  if (!four && !six) return false;
  const { boundIp: one } = left, { boundIp: other } = right;
  return one === undefined || other === undefined || equalAddress(one, other);
}

export class Ports {
  #holders = new Map<number, Set<Bound>>();

  /** @param exclusive listening sockets share a port by SO_REUSEPORT alone (TCP) */
  constructor(
    private readonly exclusive: boolean,
    private readonly random: (into: Uint8Array) => void,
  ) {}

  holders(port: number): ReadonlySet<Bound> | undefined {
    return this.#holders.get(port);
  }

  *all(): Generator<Bound> {
    for (const holders of this.#holders.values()) yield* holders;
  }

  /**
   * Gives a holder a port: the one asked for, or with 0 any that nobody has.
   * @throws Errno EADDRINUSE
   */
  take(bound: Bound & { port: number }, asked: number): void {
    const isFree = (port: number) => {
      bound.port = port;
      return !this.conflicts(bound);
    };
    try {
      if (asked === 0) this.choose((port) => !this.#holders.has(port) && isFree(port));
      else if (!isFree(asked)) fail(E.EADDRINUSE);
    } catch (failure) {
      bound.port = 0;
      throw failure;
    }
    this.add(bound);
  }

  /** Counts the port that the holder has as taken. */
  add(bound: Bound): void {
    const holders = this.#holders.get(bound.port);
    if (holders === undefined) this.#holders.set(bound.port, new Set([bound]));
    else holders.add(bound);
  }

  remove(bound: Bound): void {
    const holders = this.#holders.get(bound.port);
    if (holders === undefined) return;
    holders.delete(bound);
    if (holders.size === 0) this.#holders.delete(bound.port);
  }

  /** Whether somebody else's hold on the port forbids this one's. */
  conflicts(bound: Bound): boolean {
    for (const other of this.#holders.get(bound.port) ?? []) {
      if (other === bound || other.yields || !overlap(bound, other)) continue;
      if (bound.options.reusePort && other.options.reusePort) continue;
      const shared = bound.options.reuseAddress && other.options.reuseAddress;
      if (shared && !(this.exclusive && other.listening)) continue;
      return true;
    }
    return false;
  }

  /**
   * A free ephemeral port.
   * @param fits whether a port will do @throws Errno EADDRINUSE where none does
   */
  choose(fits: (port: number) => boolean): number {
    const seed = new Uint8Array(4);
    this.random(seed);
    let offset = (seed[0] << 16 | seed[1] << 8 | seed[2]) % EPHEMERAL_PORTS;
    for (let tries = 0; tries < EPHEMERAL_PORTS; tries++) {
      const port = FIRST_EPHEMERAL_PORT + offset;
      if (fits(port)) return port;
      offset = (offset + 1) % EPHEMERAL_PORTS;
    }
    fail(E.EADDRINUSE);
  }
}
