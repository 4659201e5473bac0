// Clusters of an overlay in a sparse file: each where it is in the image, after them a header and the
// state of each cluster, one byte each. States reach the file at a flush, after the clusters they tell
// of, so that the file is right at every moment as of some flush.
import { FileImage } from "../../hardware/device/file_image.ts";
import { ClusterState, type ClusterStore } from "./cluster_store.ts";

const MAGIC = "virtuos overlay 1\n";
const HEADER_BYTES = 4096;

export class FileClusters implements ClusterStore {
  readonly #file: FileImage;
  readonly #lock: Deno.FsFile;
  readonly #states: Uint8Array;
  readonly #statesAt: number;
  /** states that the file does not have yet */
  #changedFrom = Infinity;
  #changedTo = 0;

  /** @throws Error for an overlay of another base, one in use, or a file that is no overlay */
  constructor(
    path: string,
    sizeBytes: number,
    private readonly clusterBytes: number,
    identity: string,
  ) {
    const count = Math.ceil(sizeBytes / clusterBytes);
    const headerAt = count * clusterBytes;
    this.#statesAt = headerAt + HEADER_BYTES;
    this.#states = new Uint8Array(count);
    this.#lock = openLocked(path);
    this.#file = new FileImage(path, false);
    const header = new TextEncoder().encode(
      `${MAGIC}${JSON.stringify({ sizeBytes, clusterBytes, identity })}\n`,
    );
    try {
      if (this.#file.sizeBytes === 0) {
        this.#lock.truncateSync(this.#statesAt + count);
        this.#file.write(headerAt, header);
        this.#file.flush();
      } else this.#load(path, headerAt, header);
    } catch (failure) {
      this.#file.close();
      this.#lock.close();
      throw failure;
    }
  }

  #load(path: string, headerAt: number, header: Uint8Array): void {
    const found = new Uint8Array(header.length);
    const right = this.#file.sizeBytes === this.#statesAt + this.#states.length;
    if (right) this.#file.read(headerAt, found);
    if (!right || !found.every((byte, at) => byte === header[at])) {
      throw new Error(`Cannot use overlay ${path}: it is none, or one of another base image`);
    }
    this.#file.read(this.#statesAt, this.#states);
    if (this.#states.some((state) => state > ClusterState.ZERO)) {
      throw new Error(`Cannot use overlay ${path}: its list of clusters is damaged`);
    }
  }

  state(cluster: number): ClusterState {
    return this.#states[cluster] as ClusterState;
  }

  read(cluster: number, within: number, into: Uint8Array): void {
    this.#file.read(cluster * this.clusterBytes + within, into);
  }

  write(cluster: number, within: number, from: Uint8Array): void {
    this.#file.write(cluster * this.clusterBytes + within, from);
    this.#change(cluster, ClusterState.OWN);
  }

  zero(cluster: number): void {
    this.#change(cluster, ClusterState.ZERO);
  }

  #change(cluster: number, state: ClusterState): void {
    if (this.#states[cluster] === state) return;
    this.#states[cluster] = state;
    this.#changedFrom = Math.min(this.#changedFrom, cluster);
    this.#changedTo = Math.max(this.#changedTo, cluster + 1);
  }

  flush(): void {
    this.#file.flush();
    if (this.#changedTo === 0) return;
    const changed = this.#states.subarray(this.#changedFrom, this.#changedTo);
    this.#file.write(this.#statesAt + this.#changedFrom, changed);
    this.#file.flush();
    this.#changedFrom = Infinity;
    this.#changedTo = 0;
  }

  close(): void {
    this.flush();
    this.#file.close();
    this.#lock.close();
  }
}

/** The file, made if it is not there, and nobody else's until it is closed. */
function openLocked(path: string): Deno.FsFile {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true, write: true, create: true });
  } catch (failure) {
    throw new Error(`Cannot open overlay ${path}: ${(failure as Error).message}`);
  }
  if (!file.tryLockSync(true)) {
    file.close();
    throw new Error(`Cannot use overlay ${path}: another machine uses it`);
  }
  return file;
}
