// A disk over a base image that stays as it is: what is written goes to an overlay, cluster by cluster.
// The base may be shared by any number of machines.
import { FileImage } from "../../hardware/device/file_image.ts";
import type { DiskImage } from "../../hardware/device/virtio_blk.ts";
import { ClusterState, type ClusterStore } from "./cluster_store.ts";
import { FileClusters } from "./file_clusters.ts";
import { MemoryClusters } from "./memory_clusters.ts";

/** Changes are kept in units of this size; the first change of a cluster copies the rest of it. */
export const CLUSTER_BYTES = 64 << 10;

export class OverlayImage implements DiskImage {
  readonly readOnly = false;
  readonly sizeBytes: number;

  constructor(
    private readonly base: DiskImage & { close?(): void },
    private readonly clusters: ClusterStore,
  ) {
    this.sizeBytes = base.sizeBytes;
  }

  /** An overlay that is gone with the machine. */
  static inMemory(basePath: string): OverlayImage {
    const base = new FileImage(basePath, true);
    return new OverlayImage(base, new MemoryClusters(base.sizeBytes, CLUSTER_BYTES));
  }

  /**
   * An overlay in a file, which is made if it is not there.
   * @param identity of the base, to notice an overlay of another one
   * @throws Error for an overlay of another base, one in use, or a file that is no overlay
   */
  static inFile(basePath: string, overlayPath: string, identity: string): OverlayImage {
    const base = new FileImage(basePath, true);
    try {
      const clusters = new FileClusters(overlayPath, base.sizeBytes, CLUSTER_BYTES, identity);
      return new OverlayImage(base, clusters);
    } catch (failure) {
      base.close();
      throw failure;
    }
  }

  read(offset: number, into: Uint8Array): void {
    for (const { cluster, from, to, state } of this.#runs(offset, into.length)) {
      const part = into.subarray(from - offset, to - offset);
      if (state === ClusterState.BASE) this.base.read(from, part);
      else if (state === ClusterState.ZERO) part.fill(0);
      else this.clusters.read(cluster, from % CLUSTER_BYTES, part);
    }
  }

  write(offset: number, from: Uint8Array): void {
    for (const piece of this.#pieces(offset, from.length)) {
      const { cluster } = piece;
      const isAll = piece.to - piece.from === from.length;
      const part = isAll ? from : from.subarray(piece.from - offset, piece.to - offset);
      const whole = this.#lengthOf(cluster);
      if (this.clusters.state(cluster) === ClusterState.OWN || part.length === whole) {
        this.clusters.write(cluster, piece.from % CLUSTER_BYTES, part);
      } else {
        const bytes = new Uint8Array(whole);
        this.read(cluster * CLUSTER_BYTES, bytes);
        bytes.set(part, piece.from % CLUSTER_BYTES);
        this.clusters.write(cluster, 0, bytes);
      }
    }
  }

  flush(): void {
    this.clusters.flush();
  }

  discard(offset: number, length: number): void {
    for (const { cluster, from, to } of this.#pieces(offset, length)) {
      if (this.clusters.state(cluster) === ClusterState.ZERO) continue;
      if (to - from === this.#lengthOf(cluster)) this.clusters.zero(cluster);
      else this.write(from, new Uint8Array(to - from));
    }
  }

  /** Flushes, and lets go of both files. */
  close(): void {
    this.clusters.close();
    this.base.close?.();
  }

  /** The last cluster may be shorter. */
  #lengthOf(cluster: number): number {
    return Math.min(CLUSTER_BYTES, this.sizeBytes - cluster * CLUSTER_BYTES);
  }

  /** A range, cut at clusters. */
  *#pieces(offset: number, length: number): Generator<Piece> {
    if (offset < 0 || length < 0 || offset + length > this.sizeBytes) {
      throw new RangeError(`Cannot reach bytes ${offset} to ${offset + length} of an image`);
    }
    for (let from = offset; from < offset + length;) {
      const cluster = Math.floor(from / CLUSTER_BYTES);
      const to = Math.min(offset + length, (cluster + 1) * CLUSTER_BYTES);
      yield { cluster, from, to };
      from = to;
    }
  }

  /** A range, cut where clusters are kept in different places; a cluster of our own is one run. */
  *#runs(offset: number, length: number): Generator<Piece & { state: ClusterState }> {
    let run: (Piece & { state: ClusterState }) | undefined;
    for (const piece of this.#pieces(offset, length)) {
      const state = this.clusters.state(piece.cluster);
      if (run !== undefined && run.state === state && state !== ClusterState.OWN) run.to = piece.to;
      else {
        if (run !== undefined) yield run;
        run = { ...piece, state };
      }
    }
    if (run !== undefined) yield run;
  }
}

interface Piece {
  cluster: number;
  /** positions in the image */
  from: number;
  to: number;
}
