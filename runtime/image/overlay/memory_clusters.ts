// Clusters of an overlay in memory.
import { ClusterState, type ClusterStore } from "./cluster_store.ts";

export class MemoryClusters implements ClusterStore {
  readonly #states: Uint8Array;
  readonly #own = new Map<number, Uint8Array>();

  constructor(sizeBytes: number, clusterBytes: number) {
    this.#states = new Uint8Array(Math.ceil(sizeBytes / clusterBytes));
  }

  /** memory that it takes, in bytes */
  get usedBytes(): number {
    let bytes = 0;
    for (const { length } of this.#own.values()) bytes += length;
    return bytes;
  }

  state(cluster: number): ClusterState {
    return this.#states[cluster] as ClusterState;
  }

  read(cluster: number, within: number, into: Uint8Array): void {
    into.set(this.#own.get(cluster)!.subarray(within, within + into.length));
  }

  write(cluster: number, within: number, from: Uint8Array): void {
    const own = this.#own.get(cluster);
    if (own !== undefined) own.set(from, within);
    else {
      this.#own.set(cluster, from.slice());
      this.#states[cluster] = ClusterState.OWN;
    }
  }

  zero(cluster: number): void {
    this.#own.delete(cluster);
    this.#states[cluster] = ClusterState.ZERO;
  }

  flush(): void {}

  close(): void {
    this.#own.clear();
  }
}
