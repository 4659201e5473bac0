// Where an overlay keeps its clusters, and what it knows of each.

export const ClusterState = {
  /** as in the base */
  BASE: 0,
  /** in the overlay */
  OWN: 1,
  /** zeros, kept nowhere */
  ZERO: 2,
} as const;
export type ClusterState = (typeof ClusterState)[keyof typeof ClusterState];

export interface ClusterStore {
  state(cluster: number): ClusterState;
  /** part of an own cluster */
  read(cluster: number, within: number, into: Uint8Array): void;
  /** the cluster is own from now on; the first write of one is of all of it */
  write(cluster: number, within: number, from: Uint8Array): void;
  zero(cluster: number): void;
  /** returns when what was written would survive the host */
  flush(): void;
  close(): void;
}
