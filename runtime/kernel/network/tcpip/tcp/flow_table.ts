// Connections by addresses and ports, found without making anything. Places depend on a secret, so that
// nobody can fill one of them on purpose.
import type { Path } from "../ip/path.ts";
import type { Segment } from "./segment.ts";
import { get32 } from "../../../../hardware/network_order.ts";
import { sameBytes } from "../bytes.ts";

/** Something that takes segments between two ports. */
export interface Flow {
  readonly path: Path;
  readonly localPort: number;
  readonly remotePort: number;
  /** the next one in the same place of the table */
  nextFlow: Flow | undefined;
  arrive(segment: Segment): void;
}

export class FlowTable {
  #flows = new Map<number, Flow>();
  #secret = new Int32Array(3);
  size = 0;

  constructor(random: (into: Uint8Array) => void) {
    random(new Uint8Array(this.#secret.buffer));
  }

  /** @param local bytes with the local address at `localAt` */
  find(
    local: Uint8Array,
    localAt: number,
    remote: Uint8Array,
    remoteAt: number,
    size: number,
    localPort: number,
    remotePort: number,
  ): Flow | undefined {
    const key = this.#key(local, localAt, remote, remoteAt, size, localPort, remotePort);
    for (let flow = this.#flows.get(key); flow !== undefined; flow = flow.nextFlow) {
      const { path } = flow;
      if (
        flow.localPort === localPort && flow.remotePort === remotePort &&
        path.source.length === size && sameBytes(remote, remoteAt, path.destination, 0, size) &&
        sameBytes(local, localAt, path.source, 0, size)
      ) return flow;
    }
    return undefined;
  }

  add(flow: Flow): void {
    const key = this.#keyOf(flow);
    flow.nextFlow = this.#flows.get(key);
    this.#flows.set(key, flow);
    this.size++;
  }

  remove(flow: Flow): void {
    const key = this.#keyOf(flow);
    let each = this.#flows.get(key);
    if (each === flow) {
      if (flow.nextFlow === undefined) this.#flows.delete(key);
      else this.#flows.set(key, flow.nextFlow);
    } else {
      while (each !== undefined && each.nextFlow !== flow) each = each.nextFlow;
      if (each === undefined) return;
      each.nextFlow = flow.nextFlow;
    }
    flow.nextFlow = undefined;
    this.size--;
  }

  *all(): Generator<Flow> {
    for (const first of this.#flows.values()) {
      for (let flow: Flow | undefined = first; flow; flow = flow.nextFlow) yield flow;
    }
  }

  #keyOf({ path, localPort, remotePort }: Flow): number {
    const { source, destination } = path;
    return this.#key(source, 0, destination, 0, source.length, localPort, remotePort);
  }

  #key(
    local: Uint8Array,
    localAt: number,
    remote: Uint8Array,
    remoteAt: number,
    size: number,
    localPort: number,
    remotePort: number,
  ): number {
    const secret = this.#secret;
    let hash = secret[0] ^ (localPort << 16 | remotePort);
    for (let at = 0; at < size; at += 4) {
      hash = Math.imul(hash ^ get32(remote, remoteAt + at), 0x85eb_ca6b) + secret[1] | 0;
      hash = (hash ^ hash >>> 15) + get32(local, localAt + at) | 0;
    }
    hash = Math.imul(hash ^ hash >>> 13 ^ secret[2], 0xc2b2_ae35);
    // 30 bits are a small integer to the engine.
    return (hash ^ hash >>> 16) & 0x3fff_ffff;
  }
}
