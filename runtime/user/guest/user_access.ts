// How the kernel reads and writes the memory of a process: page by page, through the frames of its address
// space. A page that is not there yet is asked for by throwing `PageNeeded`: whoever began the access waits
// for the page and begins again.
import { Access, type Access as Kind } from "../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import type { Coroutine } from "../../kernel/coroutine.ts";
import { E, Errno, fail } from "../../kernel/errno.ts";
import type { AddressSpace } from "../../kernel/process/memory/address_space.ts";
import { END_PAGE } from "../../kernel/process/memory/mapping.ts";
import type { Frame } from "../../kernel/process/memory/frames.ts";

const END = END_PAGE * PAGE_BYTES;

/** A page has to be there before the kernel can go on. */
export class PageNeeded {
  constructor(readonly page: number, readonly access: Kind) {}
}

export class UserAccess {
  /** all memory of programs, frame by frame */
  readonly bytes: Uint8Array;

  constructor(readonly space: AddressSpace) {
    this.bytes = space.memory.frames.bytes;
  }

  /** Does something with user memory, waiting for pages as they are needed. @throws Errno EFAULT */
  *withPages<T>(use: () => T): Coroutine<T> {
    for (;;) {
      try {
        return use();
      } catch (failure) {
        if (!(failure instanceof PageNeeded)) throw failure;
        const fault = yield* this.space.fault(failure.page, failure.access);
        if (fault !== undefined) return fail(E.EFAULT);
      }
    }
  }

  /** Frame that a page has for an access. @throws PageNeeded, Errno EFAULT */
  #frame(page: number, access: Kind): Frame {
    const frame = this.space.frameFor(page, access);
    if (frame !== 0) return frame;
    const mapping = this.space.mappings.find(page);
    if (mapping === undefined || (mapping.access & access) === 0) return fail(E.EFAULT);
    throw new PageNeeded(page, access);
  }

  /** Where a range lies in {@link bytes}; -1 where it is not in one page, or that is not there for the access. */
  place(address: number, length: number, access: Kind): number {
    const within = address % PAGE_BYTES;
    if (within + length > PAGE_BYTES || address >= END) return -1;
    const frame = this.space.frameFor((address - within) / PAGE_BYTES, access);
    return frame === 0 ? -1 : frame + within;
  }

  #check(address: number, length: number): void {
    if (!(address >= 0 && address + length <= END)) fail(E.EFAULT);
  }

  /** Makes sure that a range can be accessed. */
  touch(address: number, length: number, access: Kind): void {
    this.#check(address, length);
    const last = Math.floor((address + Math.max(length, 1) - 1) / PAGE_BYTES);
    for (let page = Math.floor(address / PAGE_BYTES); page <= last; page++) {
      this.#frame(page, access);
    }
  }

  /** The memory itself where its frames are neighbours, undefined where they are not. */
  view(address: number, length: number, access: Kind): Uint8Array | undefined {
    this.#check(address, length);
    const within = address % PAGE_BYTES;
    const first = (address - within) / PAGE_BYTES;
    const frame = this.#frame(first, access);
    const last = Math.floor((address + Math.max(length, 1) - 1) / PAGE_BYTES);
    let neighbours = true;
    for (let page = first + 1; page <= last; page++) {
      const next = this.#frame(page, access);
      if (next !== frame + (page - first) * PAGE_BYTES) neighbours = false;
    }
    return neighbours ? this.bytes.subarray(frame + within, frame + within + length) : undefined;
  }

  /** A copy of a range. @param copy bytes to make it in, `length` of them */
  read(
    address: number,
    length: number,
    copy: Uint8Array<ArrayBuffer> = new Uint8Array(length),
  ): Uint8Array<ArrayBuffer> {
    this.#check(address, length);
    for (let done = 0; done < length;) {
      const within = (address + done) % PAGE_BYTES;
      const part = Math.min(PAGE_BYTES - within, length - done);
      const frame = this.#frame((address + done - within) / PAGE_BYTES, Access.READ);
      copy.set(this.bytes.subarray(frame + within, frame + within + part), done);
      done += part;
    }
    return copy;
  }

  /** A copy of a range of at most a page, up to where memory ends. @throws Errno EFAULT where it has none */
  readUpTo(address: number, length: number): Uint8Array<ArrayBuffer> {
    try {
      return this.read(address, length);
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      return this.read(address, Math.min(length, PAGE_BYTES - address % PAGE_BYTES));
    }
  }

  write(address: number, bytes: Uint8Array): void {
    this.touch(address, bytes.length, Access.WRITE);
    for (let done = 0; done < bytes.length;) {
      const within = (address + done) % PAGE_BYTES;
      const part = Math.min(PAGE_BYTES - within, bytes.length - done);
      const frame = this.#frame((address + done - within) / PAGE_BYTES, Access.WRITE);
      this.bytes.set(bytes.subarray(done, done + part), frame + within);
      done += part;
    }
  }

  readWord(address: number): number {
    const bytes = this.read(address, 4);
    return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24;
  }

  writeWord(address: number, value: number): void {
    this.write(address, Uint8Array.of(value, value >> 8, value >> 16, value >> 24));
  }

  /** A 64-bit number; what is no address comes out as one that is not mapped. */
  readLong(address: number): number {
    const bytes = this.read(address, 8);
    return Number(new DataView(bytes.buffer).getBigInt64(0, true));
  }

  /** The byte string that ends with a zero at an address. @throws Errno `tooLong` beyond `limit` bytes */
  readText(address: number, limit: number, tooLong: number = E.ENAMETOOLONG): string {
    let text = "";
    for (let at = address;;) {
      this.#check(at, 1);
      const within = at % PAGE_BYTES;
      const frame = this.#frame((at - within) / PAGE_BYTES, Access.READ);
      const piece = this.bytes.subarray(frame + within, frame + PAGE_BYTES);
      const end = piece.indexOf(0);
      const part = end < 0 ? piece : piece.subarray(0, end);
      text += String.fromCharCode(...part);
      if (text.length >= limit) return fail(tooLong);
      if (end >= 0) return text;
      at += part.length;
    }
  }

  /** Strings that a vector of pointers names, which ends with NULL. @throws Errno E2BIG */
  readTexts(address: number, limit: number): string[] {
    const texts: string[] = [];
    if (address === 0) return texts;
    for (let total = 0;; address += 8) {
      const pointer = this.readLong(address);
      if (pointer === 0) return texts;
      const text = this.readText(pointer, limit, E.E2BIG);
      texts.push(text);
      if ((total += text.length + 9) > limit) fail(E.E2BIG);
    }
  }
}
