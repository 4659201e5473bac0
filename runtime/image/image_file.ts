// An image file while it is made: mkfs writes to it, and the ext4 component uses it as a disk that
// answers at once. Pages of a request go to the file in one piece.
import type { BlockDevice, BlockRequest } from "../kernel/block/block_device.ts";
import { SECTOR_BYTES } from "../kernel/block/block_device.ts";
import type { ImageWriter } from "./mkfs/mkfs.ts";

const MAX_REQUEST_BYTES = 1 << 20;

export class ImageFile implements BlockDevice, ImageWriter {
  readonly sectors: number;
  readonly readOnly = false;
  readonly flushes = true;
  readonly discards = true;
  readonly inOrder = true;
  readonly maxBuffers = 256;
  readonly maxBytes = MAX_REQUEST_BYTES;
  readonly #file: Deno.FsFile;
  readonly #gathered = new Uint8Array(MAX_REQUEST_BYTES);
  #position = 0;

  /** @throws Error where the file cannot be made */
  constructor(path: string, readonly sizeBytes: number) {
    this.#file = Deno.openSync(path, { read: true, write: true, createNew: true });
    this.#file.truncateSync(sizeBytes);
    this.sectors = Math.floor(sizeBytes / SECTOR_BYTES);
  }

  submit(request: BlockRequest): void {
    const { operation, buffers } = request;
    const offset = request.sector * SECTOR_BYTES;
    if (operation === "read") {
      let at = offset;
      for (const { bytes } of buffers) {
        this.#read(at, bytes);
        at += bytes.length;
      }
    } else if (operation === "write") {
      if (buffers.length === 1) this.write(offset, buffers[0].bytes);
      else {
        let length = 0;
        for (const { bytes } of buffers) {
          this.#gathered.set(bytes, length);
          length += bytes.length;
        }
        this.write(offset, this.#gathered.subarray(0, length));
      }
    } else if (operation === "write-zeroes") {
      this.write(offset, new Uint8Array(request.sectors * SECTOR_BYTES));
    }
    // Flush: the whole image is synced once, at its end. Discard: what was there may stay.
    request.status = "ok";
    request.done.wakeAll();
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#seek(offset);
    for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
    this.#position = offset + bytes.length;
  }

  #read(offset: number, into: Uint8Array): void {
    this.#seek(offset);
    for (let done = 0; done < into.length;) {
      const count = this.#file.readSync(into.subarray(done));
      if (count === null) throw new Error(`Cannot read the image at ${offset}: it ends there`);
      done += count;
    }
    this.#position = offset + into.length;
  }

  #seek(offset: number): void {
    if (this.#position !== offset) this.#file.seekSync(offset, Deno.SeekMode.Start);
  }

  sync(): void {
    this.#file.syncSync();
  }

  close(): void {
    this.#file.close();
  }
}
