// Decompression by what the bytes themselves say: xz, zstd, gzip, or none. Bounded, since a small
// file may hold a huge one.
import { gunzipSync } from "node:zlib";
import { Decompress } from "fzstd";
import { XzProcess } from "./xz_process.ts";

/** Largest thing that is unpacked in memory: the largest Debian packages are about 1 GiB unpacked. */
export const MAX_UNPACKED_BYTES = 2 ** 31 - 1;

const MAGICS = {
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  gzip: [0x1f, 0x8b],
};

/** Last bytes of an xz stream. */
const XZ_FOOTER = [0x59, 0x5a];

/** How bytes are compressed. */
export function compressionOf(bytes: Uint8Array): "xz" | "zstd" | "gzip" | "none" {
  for (const [name, magic] of Object.entries(MAGICS)) {
    if (magic.every((byte, at) => bytes[at] === byte)) return name as keyof typeof MAGICS;
  }
  return "none";
}

/**
 * The bytes unpacked.
 * @param xz unpacks what is xz; without it a process is made for this once
 * @throws Error where they are damaged, cut short or larger than `maxBytes`
 */
export async function decompress(
  bytes: Uint8Array,
  maxBytes = MAX_UNPACKED_BYTES,
  xz?: XzProcess,
): Promise<Uint8Array> {
  const kind = compressionOf(bytes);
  try {
    if (kind === "xz") return await unxz(bytes, maxBytes, xz);
    if (kind === "gzip") return plain(gunzipSync(bytes, { maxOutputLength: maxBytes }));
    if (kind === "zstd") return unzstd(bytes, maxBytes);
  } catch (failure) {
    throw new Error(`its ${kind} data cannot be unpacked: ${(failure as Error).message}`);
  }
  return bytes;
}

async function unxz(bytes: Uint8Array, maxBytes: number, kept?: XzProcess): Promise<Uint8Array> {
  // The library takes a stream that is cut short for one that ends.
  const [y, z] = bytes.subarray(endOfXz(bytes) - 2);
  if (y !== XZ_FOOTER[0] || z !== XZ_FOOTER[1]) throw new Error("its end is missing");
  const pieces = new Pieces(maxBytes);
  await using once = kept === undefined ? new XzProcess() : undefined;
  await (kept ?? once!).unpack(bytes, maxBytes, (piece) => pieces.add(piece));
  return pieces.join();
}

function unzstd(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const pieces = new Pieces(maxBytes);
  new Decompress((chunk) => pieces.add(chunk)).push(bytes, true);
  return pieces.join();
}

/** What comes out of a decompressor, up to a bound. */
class Pieces {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(private readonly maxBytes: number) {}

  add(piece: Uint8Array): void {
    this.#length += piece.length;
    if (this.#length > this.maxBytes) throw new Error(`more than ${this.maxBytes} bytes`);
    this.#pieces.push(piece);
  }

  join(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
}

/** Streams may be padded with zeros. */
function endOfXz(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
