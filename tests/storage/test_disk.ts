// A disk in memory for tests of what lies above the block layer.
import type { BlockDevice, BlockRequest } from "../../runtime/kernel/block/block_device.ts";

/** A disk in memory that completes requests late, in any order unless told, and remembers writes and flushes. */
export class TestDisk implements BlockDevice {
  readonly sectors: number;
  readonly flushes = true;
  readonly discards = true;
  readonly maxBuffers = 64;
  readonly maxBytes = 256 << 10;
  readonly #waiting: { request: BlockRequest; contents: Uint8Array[] }[] = [];
  /** since the start: writes in the order they reached the disk, undefined for a flush */
  readonly history: ({ position: number; bytes: Uint8Array } | undefined)[] = [];
  inOrder = false;
  record = false;
  /** whether what is written is what there was when it was submitted, as with a disk that is a ring away */
  copies = false;
  /** whether it refuses to write */
  broken = false;
  /** asked for each request: whether it is refused */
  refuses: (request: BlockRequest) => boolean = () => false;

  constructor(
    readonly bytes: Uint8Array,
    private readonly next: () => number,
    readonly readOnly = false,
  ) {
    this.sectors = bytes.length / 512;
  }

  submit(request: BlockRequest): void {
    request.status = "pending";
    const copies = this.copies && request.operation === "write";
    const contents = request.buffers.map(({ bytes }) => copies ? bytes.slice() : bytes);
    this.#waiting.push({ request, contents });
  }

  /** Completes one of the waiting requests. */
  poll(): number {
    if (this.#waiting.length === 0) return 0;
    const at = this.inOrder ? 0 : this.next() % this.#waiting.length;
    const [{ request, contents }] = this.#waiting.splice(at, 1);
    if (this.refuses(request)) return this.#end(request, "io-error");
    let position = request.sector * 512;
    for (const bytes of contents) {
      if (request.operation === "read") {
        bytes.set(this.bytes.subarray(position, position + bytes.length));
      } else {
        if (!this.broken) this.bytes.set(bytes, position);
        if (this.record) this.history.push({ position, bytes: bytes.slice() });
      }
      position += bytes.length;
    }
    if (request.operation === "flush" && this.record) this.history.push(undefined);
    return this.#end(request, this.broken && request.operation === "write" ? "io-error" : "ok");
  }

  #end(request: BlockRequest, status: BlockRequest["status"]): number {
    request.status = status;
    request.done.wakeAll();
    return 1;
  }
}
