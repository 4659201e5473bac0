// Unpacked packages in memory, the last used ones, up to a bound: a tree is listed once and read once
// soon after, mostly package by package.
import { XzProcess } from "../archive/xz_process.ts";

const DEFAULT_MAX_BYTES = 384 << 20;

export class UnpackedPackages {
  readonly #kept = new Map<string, Uint8Array>();
  /** unpacks all of them */
  readonly xz = new XzProcess();
  #bytes = 0;

  constructor(private readonly maxBytes = DEFAULT_MAX_BYTES) {}

  async get(name: string, unpack: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const present = this.#kept.get(name);
    const bytes = present ?? await unpack();
    if (present === undefined) this.#bytes += bytes.length;
    // The newest use is last.
    this.#kept.delete(name);
    this.#kept.set(name, bytes);
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= this.maxBytes || oldest === name) break;
      this.#kept.delete(oldest);
      this.#bytes -= length;
    }
    return bytes;
  }
}
