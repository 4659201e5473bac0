// A disk image in a file of the host. Errors name the image and what was being done.
import type { DiskImage } from "./virtio_blk.ts";

const ZEROES = new Uint8Array(1 << 16);

export class FileImage implements DiskImage {
  readonly sizeBytes: number;
  readonly #file: Deno.FsFile;
  #position = 0;

  /** @throws Error when the file cannot be opened */
  constructor(readonly path: string, readonly readOnly: boolean) {
    try {
      this.#file = Deno.openSync(path, { read: true, write: !readOnly });
    } catch (failure) {
      throw new Error(`Cannot open image ${path}: ${(failure as Error).message}`);
    }
    this.sizeBytes = this.#file.statSync().size;
  }

  /**
   * Keeps it from others until it is closed, or its process ends (flock(2)): whoever writes has it alone,
   * readers share it.
   * @throws Error when another machine has it
   */
  claim(): this {
    if (this.#file.tryLockSync(!this.readOnly)) return this;
    this.#file.close();
    throw new Error(`Cannot use image ${this.path}: another machine uses it`);
  }

  read(offset: number, into: Uint8Array): void {
    this.#do("read", () => {
      this.#seek(offset);
      for (let done = 0; done < into.length;) {
        const count = this.#file.readSync(done === 0 ? into : into.subarray(done));
        if (count === null) {
          into.fill(0, done);
          break;
        }
        done += count;
        this.#position += count;
      }
    });
  }

  write(offset: number, from: Uint8Array): void {
    this.#do("write", () => {
      this.#seek(offset);
      for (let done = 0; done < from.length;) {
        const count = this.#file.writeSync(done === 0 ? from : from.subarray(done));
        done += count;
        this.#position += count;
      }
    });
  }

  flush(): void {
    this.#do("flush", () => this.#file.syncDataSync());
  }

  discard(offset: number, length: number): void {
    for (let done = 0; done < length; done += ZEROES.length) {
      this.write(offset + done, ZEROES.subarray(0, Math.min(ZEROES.length, length - done)));
    }
  }

  close(): void {
    this.#file.close();
  }

  #seek(offset: number): void {
    if (this.#position === offset) return;
    this.#position = this.#file.seekSync(offset, Deno.SeekMode.Start);
  }

  #do(what: string, work: () => void): void {
    try {
      work();
    } catch (failure) {
      this.#position = -1;
      throw new Error(`Cannot ${what} image ${this.path}: ${(failure as Error).message}`);
    }
  }
}
