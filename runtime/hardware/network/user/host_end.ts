// The host's end of a translated connection: what was read of it and waits for the machine, and what the
// machine sent and waits to be written. It is read as its owner allows, into memory that grows with what comes.
import { takeBuffer } from "../frame_buffers.ts";
import { ByteQueue } from "./byte_queue.ts";
import type { HostStream } from "./host_sockets.ts";

/** First read of a connection, and the largest: 44 segments of an Ethernet's size. */
const FIRST_READ_BYTES = 2048;
export const MAX_READ_BYTES = 44 * 1460;

export interface HostEndOwner {
  /** Whether as many bytes more may wait for the machine. */
  mayRead(count: number): boolean;
  /** Something was read, or the end. */
  came(): void;
  /** Something was written: there is room for more. */
  written(): void;
  /** All was written, and the end of it told. */
  over(): void;
  /** The connection broke. */
  failed(): void;
}

export class HostEnd {
  readonly toGuest = new ByteQueue();
  readonly toHost = new ByteQueue();
  /** no more will come to be read */
  readAll = false;
  /** all that there was to write is written, and the host knows that no more will come */
  wroteAll = false;
  #stream: HostStream | undefined;
  #closed = false;
  #readBytes = FIRST_READ_BYTES;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #resume: (() => void) | undefined;
  #writing = false;
  #lastWritten = false;

  constructor(private readonly owner: HostEndOwner) {}

  /** The connection is there. */
  connected(stream: HostStream): void {
    this.#stream = stream;
  }

  /** Begins to read. */
  begin(): void {
    this.#read(this.#stream!);
  }

  async #read(stream: HostStream): Promise<void> {
    try {
      for (;;) {
        while (!this.owner.mayRead(this.#readBytes)) {
          await new Promise<void>((resolve) => this.#resume = resolve);
          if (this.#closed) return;
        }
        const size = this.#readBytes, buffer = this.#buffer ??= takeBuffer(size);
        const count = await stream.read(buffer.length === size ? buffer : buffer.subarray(0, size));
        if (this.#closed) return;
        if (count === null) break;
        this.#keep(buffer, size, count);
        this.owner.came();
      }
      this.readAll = true;
      this.owner.came();
    } catch {
      this.owner.failed();
    }
  }

  /** Queues what was read; a buffer that is mostly empty is used again, but for the first small one. */
  #keep(buffer: Uint8Array<ArrayBuffer>, size: number, count: number): void {
    const large = count > size / 4 || size === FIRST_READ_BYTES && this.toGuest.bytes === 0;
    if (large) this.toGuest.push(buffer.subarray(0, count), buffer);
    else {
      const copy = takeBuffer(count);
      copy.set(buffer.subarray(0, count));
      this.toGuest.push(copy.subarray(0, count), copy);
    }
    if (large) this.#buffer = undefined;
    if (count < size) return;
    this.#readBytes = Math.min(MAX_READ_BYTES, 4 * size);
    this.#buffer = undefined;
  }

  /** To be called when more may be read than before. */
  resumeReading(): void {
    if (this.#resume === undefined || !this.owner.mayRead(this.#readBytes)) return;
    const resume = this.#resume;
    this.#resume = undefined;
    resume();
  }

  /** Queues bytes for the host. @param memory what they lie in, given back when they are written */
  write(bytes: Uint8Array, memory: Uint8Array<ArrayBuffer> | undefined, last: boolean): void {
    this.toHost.push(bytes, memory);
    this.#lastWritten ||= last;
    if (this.#writing) return;
    const stream = this.#stream!;
    if (!last && stream.writeNow !== undefined && bytes.length > 0) {
      this.toHost.drop(stream.writeNow(this.toHost.front()));
      if (this.toHost.bytes === 0) return this.owner.written();
    }
    this.#drain(stream);
  }

  async #drain(stream: HostStream): Promise<void> {
    this.#writing = true;
    try {
      while (this.toHost.bytes > 0) {
        const count = await stream.write(this.toHost.front());
        if (this.#closed) return;
        this.toHost.drop(count);
        this.owner.written();
      }
      // From the last look at the queue to here nothing waits: what comes later begins anew.
      this.#writing = false;
      if (!this.#lastWritten || this.wroteAll) return;
      await stream.closeWrite();
      if (this.#closed) return;
      this.wroteAll = true;
      this.owner.over();
    } catch {
      this.owner.failed();
    }
  }

  close(): void {
    this.#closed = true;
    this.toGuest.clear();
    this.toHost.clear();
    this.#buffer = undefined;
    try {
      this.#stream?.close();
    } catch {
      // A connection that the other side has reset is closed already.
    }
    this.#resume?.();
  }
}
