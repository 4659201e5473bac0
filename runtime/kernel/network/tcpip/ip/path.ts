// A way to a destination: the interface, the next hop, the source address, and what is the same for every
// packet on it. Connections keep theirs, so that nothing is looked up per packet.
import { addToSum } from "../checksum.ts";
import type { Link } from "../link/link.ts";
import type { Neighbour } from "../link/neighbours.ts";

export class Path {
  readonly version: 4 | 6;
  /** most bytes of an IP packet on the whole way, as far as is known (RFC 1191, RFC 8201) */
  mtu: number;
  /** sum of both addresses, for the pseudo-header */
  readonly addressSum: number;
  #neighbour: Neighbour | undefined;

  constructor(
    readonly via: Link,
    readonly source: Uint8Array,
    readonly destination: Uint8Array,
    readonly nextHop: Uint8Array,
    mtu: number,
  ) {
    this.version = destination.length === 4 ? 4 : 6;
    this.mtu = mtu;
    this.addressSum = addToSum(
      destination,
      0,
      destination.length,
      addToSum(source, 0, source.length),
    );
  }

  /** Nothing came back for long: perhaps the next hop has another address by now (RFC 1122, 2.3.2.1). */
  doubt(): void {
    if (this.#neighbour !== undefined) this.#neighbour.stale = true;
  }

  neighbour(): Neighbour | undefined {
    const neighbour = this.#neighbour;
    if (neighbour !== undefined && !neighbour.gone) return neighbour;
    return this.#neighbour = this.via.neighbour(this.nextHop);
  }
}
