// Pages of files that a client keeps in its own memory, and the frames they are in. Replacement is by the
// second-chance algorithm (clock): the hand takes the first frame that nobody read since it last passed.

import type { CachedFile } from "./cached_file.ts";
import type { KeptBytes } from "../contract/kept_bytes.ts";

export const PAGE_BYTES = 4096;
const NO_FRAME = -1;
/** In place of 0 or 1: nobody has asked for the page again since it is kept. */
const NEW = 2;

/** Places of the table of pages asked for lately; two that meet in one forget each other. */
const ASKED = 4096;

export class PagePool {
  #bytes: Uint8Array = new Uint8Array(0);
  /** by frame, made when first used */
  #views: Uint8Array[] = [];
  /** by frame: whose page it holds, and which; none for one that is free or being filled */
  #files: (CachedFile | undefined)[] = [];
  #pages: number[] = [];
  #referenced = new Uint8Array(0);
  /** by frame: how many want it to stay as it is; what is written to its page goes to another frame meanwhile */
  #holds = new Uint16Array(0);
  #free: number[] = [];
  #hand = 0;
  readonly #asked = new Int32Array(ASKED);

  /** @param bytes memory for frames, which nobody else uses */
  provide(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#views = [];
    const frames = Math.floor(bytes.length / PAGE_BYTES);
    this.#files = new Array(frames).fill(undefined);
    this.#pages = new Array(frames).fill(0);
    this.#referenced = new Uint8Array(frames);
    this.#holds = new Uint16Array(frames);
    this.#free = Array.from({ length: frames }, (_, index) => frames - 1 - index);
  }

  /** Whether a page can be kept for which none has to go. */
  get hasFree(): boolean {
    return this.#free.length > 0;
  }

  /** Whether a page was asked for before, as far as that is remembered; from now on it was. */
  askedAgain(file: CachedFile, page: number): boolean {
    const name = Math.imul(file.number, 0x9e37_79b1) ^ Math.imul(page + 1, 0x85eb_ca6b) | 1;
    const at = (name >>> 16 ^ name >>> 4) & ASKED - 1;
    if (this.#asked[at] === name) return true;
    this.#asked[at] = name;
    return false;
  }

  /**
   * Copies what a file has at an offset.
   * @returns bytes read as read(2) counts them; -1 where not all of it is kept
   */
  read(file: CachedFile, offset: number, into: Uint8Array): number {
    const { frames, sizeBytes } = file;
    let end = offset + into.length;
    if (sizeBytes >= 0 && end > sizeBytes) end = sizeBytes;
    if (offset >= end) return sizeBytes >= 0 ? 0 : -1;
    const first = Math.floor(offset / PAGE_BYTES), last = Math.floor((end - 1) / PAGE_BYTES);
    for (let page = first; page <= last; page++) if (!frames.has(page)) return -1;
    let done = 0, within = offset - first * PAGE_BYTES;
    for (let page = first; page <= last; page++, within = 0) {
      const frame = frames.get(page)!, view = this.#view(frame);
      const length = Math.min(PAGE_BYTES - within, end - offset - done);
      into.set(length === PAGE_BYTES ? view : view.subarray(within, within + length), done);
      this.#referenced[frame] = this.#referenced[frame] === NEW ? 0 : 1;
      done += length;
    }
    return done;
  }

  #view(frame: number): Uint8Array {
    const at = frame * PAGE_BYTES;
    return this.#views[frame] ??= this.#bytes.subarray(at, at + PAGE_BYTES);
  }

  /** Keeps a page; one that ends early is filled with zeros. Without a frame to be had it is not kept. */
  keep(file: CachedFile, page: number, content: Uint8Array): void {
    const isFree = this.hasFree;
    const present = file.frames.get(page);
    const frame = present === undefined ? this.#take() : this.#own(file, page, present, false);
    if (frame === NO_FRAME) return;
    this.fill(frame, content);
    this.give(frame, file, page, isFree);
  }

  /**
   * Takes a page of a file away from it, frame and all.
   * @returns the frame; -1 where it has none, or one that has to stay as it is
   */
  withdraw(file: CachedFile, page: number): number {
    const frame = file.frames.get(page);
    if (frame === undefined) return NO_FRAME;
    file.frames.delete(page);
    this.#files[frame] = undefined;
    return this.#holds[frame] > 0 ? NO_FRAME : frame;
  }

  /**
   * Has some pages of a file stay as they are for somebody.
   * @returns their bytes; nothing where they are not all kept, in frames that lie in a row
   */
  hold(file: CachedFile, first: number, count: number): KeptBytes | undefined {
    const frame = rowOf(file, first, count);
    return frame === NO_FRAME ? undefined : this.#holdRow(frame, count);
  }

  /**
   * Gives some pages of a file new contents, and has them stay so for somebody.
   * @returns as {@link hold}; nothing, and nothing is done, also where one of them has to stay as it is
   */
  replace(file: CachedFile, first: number, contents: Uint8Array): KeptBytes | undefined {
    const count = contents.length / PAGE_BYTES, frame = rowOf(file, first, count);
    if (frame === NO_FRAME) return undefined;
    for (let each = frame; each < frame + count; each++) {
      if (this.#holds[each] > 0) return undefined;
    }
    this.#bytes.set(contents, frame * PAGE_BYTES);
    return this.#holdRow(frame, count);
  }

  #holdRow(frame: number, count: number): KeptBytes {
    for (let each = frame; each < frame + count; each++) this.#holds[each]++;
    return {
      bytes: this.#bytes.subarray(frame * PAGE_BYTES, (frame + count) * PAGE_BYTES),
      release: () => {
        // The last first, so that whoever takes them next has them in a row.
        for (let each = frame + count - 1; each >= frame; each--) {
          if (--this.#holds[each] === 0 && this.#files[each] === undefined) this.#free.push(each);
        }
      },
    };
  }

  /**
   * A frame of a page of a file that may be written to: another one where its own has to stay as it is.
   * @param keeps whether what it holds is wanted there
   */
  #own(file: CachedFile, page: number, frame: number, keeps: boolean): number {
    if (this.#holds[frame] === 0) return frame;
    this.withdraw(file, page);
    const other = this.#take();
    if (other === NO_FRAME) return NO_FRAME;
    if (keeps) this.#view(other).set(this.#view(frame));
    this.give(other, file, page);
    return other;
  }

  /** Puts content into a frame, and zeros behind it. */
  fill(frame: number, content: Uint8Array): void {
    const view = this.#view(frame);
    view.set(content);
    if (content.length < PAGE_BYTES) view.fill(0, content.length);
  }

  /** Writes into a page that is kept. Where it would need another frame, and there is none, it is not kept any more. */
  write(file: CachedFile, page: number, within: number, bytes: Uint8Array): void {
    const isPart = bytes.length < PAGE_BYTES;
    const frame = this.#own(file, page, file.frames.get(page)!, isPart);
    if (frame !== NO_FRAME) this.#view(frame).set(bytes, within);
  }

  /** A frame that nobody has holds a page of a file from now on. What nobody reads again is the first to go. */
  give(frame: number, file: CachedFile, page: number, askedOnce = false): void {
    file.frames.set(page, frame);
    this.#files[frame] = file;
    this.#pages[frame] = page;
    this.#referenced[frame] = askedOnce ? NEW : 0;
  }

  /** A frame is no file's any more: it is free unless it has to stay as it is. */
  release(frame: number): void {
    this.#files[frame] = undefined;
    if (this.#holds[frame] === 0) this.#free.push(frame);
  }

  drop(file: CachedFile, page: number): void {
    const frame = this.withdraw(file, page);
    if (frame !== NO_FRAME) this.release(frame);
  }

  dropAll(file: CachedFile): void {
    for (const frame of file.frames.values()) this.release(frame);
    file.frames.clear();
    file.sizeBytes = -1;
  }

  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    for (let steps = 2 * this.#files.length; steps > 0; steps--) {
      if (this.#hand >= this.#files.length) this.#hand = 0;
      const frame = this.#hand++, file = this.#files[frame];
      if (file === undefined || this.#holds[frame] > 0) continue;
      if (this.#referenced[frame] === 1) this.#referenced[frame] = 0;
      else return this.withdraw(file, this.#pages[frame]);
    }
    return NO_FRAME;
  }
}

/** The first frame of some pages of a file; -1 where they are not all kept, in frames that lie in a row. */
function rowOf(file: CachedFile, first: number, count: number): number {
  const frame = file.frames.get(first);
  if (frame === undefined) return NO_FRAME;
  for (let each = 1; each < count; each++) {
    if (file.frames.get(first + each) !== frame + each) return NO_FRAME;
  }
  return frame;
}
