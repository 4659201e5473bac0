// Writes every frame of a backend to a file in the format of pcap with nanoseconds, which tcpdump and
// wireshark read. Large packets are written as they cross the device, their checksums filled in.
import type { NetworkBackend } from "./backend.ts";
import { finishFrame, type Frame } from "./frame.ts";

const MAGIC_NANOSECONDS = 0xa1b2_3c4d;
const VERSION = [2, 4] as const;
const MOST_BYTES = 262_144;
const LINK_ETHERNET = 1;
const FILE_HEADER_BYTES = 24, RECORD_HEADER_BYTES = 16;
/** Frames are written in pieces of this size, and whenever there was nothing else to do. */
const BUFFER_BYTES = 1 << 20;

/** Where a capture goes. */
export interface CaptureFile {
  writeSync(bytes: Uint8Array): number;
  close(): void;
}

export class Capture implements NetworkBackend {
  readonly mtu: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #used = 0;

  /** @param nowNs nanoseconds since 1970 */
  constructor(
    private readonly backend: NetworkBackend,
    private readonly file: CaptureFile,
    private readonly nowNs: () => bigint,
  ) {
    this.mtu = backend.mtu;
    this.#view.setUint32(0, MAGIC_NANOSECONDS, true);
    this.#view.setUint16(4, VERSION[0], true);
    this.#view.setUint16(6, VERSION[1], true);
    this.#view.setUint32(16, MOST_BYTES, true);
    this.#view.setUint32(20, LINK_ETHERNET, true);
    this.#used = FILE_HEADER_BYTES;
    this.#flush();
  }

  /** @throws Error naming a file that cannot be written */
  static toFile(backend: NetworkBackend, path: string, nowNs: () => bigint): Capture {
    let file: CaptureFile;
    try {
      file = Deno.openSync(path, { write: true, create: true, truncate: true });
    } catch (failure) {
      throw new Error(`Cannot capture frames in ${path}: ${(failure as Error).message}`);
    }
    return new Capture(backend, file, nowNs);
  }

  send(frame: Frame): boolean {
    // Once it is sent, the memory that it lies in is the backend's.
    const bytes = wholeFrame(frame);
    if (!this.backend.send(frame)) return false;
    this.#record(bytes);
    return true;
  }

  receive(): Frame | undefined {
    const frame = this.backend.receive();
    if (frame === undefined) this.#flush();
    else this.#record(wholeFrame(frame));
    return frame;
  }

  get pending(): boolean {
    return this.backend.pending;
  }

  reset(): void {
    this.backend.reset();
  }

  close(): void {
    this.backend.close();
    this.#flush();
    this.file.close();
  }

  #record(bytes: Uint8Array): void {
    if (this.#used + RECORD_HEADER_BYTES + bytes.length > BUFFER_BYTES) this.#flush();
    const now = this.nowNs(), at = this.#used;
    this.#view.setUint32(at, Number(now / 1_000_000_000n), true);
    this.#view.setUint32(at + 4, Number(now % 1_000_000_000n), true);
    this.#view.setUint32(at + 8, bytes.length, true);
    this.#view.setUint32(at + 12, bytes.length, true);
    this.#buffer.set(bytes, at + RECORD_HEADER_BYTES);
    this.#used += RECORD_HEADER_BYTES + bytes.length;
  }

  #flush(): void {
    for (let done = 0; done < this.#used;) {
      done += this.file.writeSync(this.#buffer.subarray(done, this.#used));
    }
    this.#used = 0;
  }
}

/** A copy of a frame, not cut, with its checksum filled in. */
function wholeFrame({ head, body, offload }: Frame): Uint8Array {
  const whole = offload && { ...offload, segmentBytes: 0 };
  return finishFrame({ head, body, offload: whole })[0].slice();
}
