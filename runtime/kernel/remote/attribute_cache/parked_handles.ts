// Open files that a program has closed and another, or the same, is likely to open again by the same path: a server
// of pages, a shell that runs commands. While nothing has changed where the path leads, the handle serves once more,
// and neither end of that crosses.
import { O } from "../../vfs/constants.ts";
import { NAME_MAX, WALK_RESULT_BYTES } from "../../vfs/protocol.ts";
import type { HandleRecord } from "../contract/handle_book.ts";

/** Files that are kept open for nobody. */
const MAX_PARKED = 256;
const NONE: number[] = [];

interface Opened {
  /** everything that the walk's answer depended on */
  key: string;
  /** what it answered */
  result: Uint8Array;
  ino: number;
}

export class ParkedHandles {
  /** by handle, of files that are open or parked */
  readonly #opened = new Map<number, Opened>();
  /** by inode number, the handles that it is opened by */
  readonly #files = new Map<number, Set<number>>();
  /** by key, the longest parked first */
  readonly #parked = new Map<string, number>();

  /** Notes what a walk has opened. @param payload its answer */
  opened(handle: number, { steady, flags, ino }: HandleRecord, key: string, payload: Uint8Array) {
    if (!steady || (flags & O.ACCMODE) !== O.RDONLY || flags < 0) return;
    this.#opened.set(handle, { key, result: payload.slice(0, WALK_RESULT_BYTES + NAME_MAX), ino });
    const handles = this.#files.get(ino);
    if (handles === undefined) this.#files.set(ino, new Set([handle]));
    else handles.add(handle);
  }

  /** Opens a file that is parked. @param payload gets the walk's answer @returns its handle; -1 where there is none */
  take(key: string, payload: Uint8Array): number {
    const handle = this.#parked.get(key);
    if (handle === undefined) return -1;
    this.#parked.delete(key);
    payload.set(this.#opened.get(handle)!.result);
    return handle;
  }

  /**
   * Takes a handle whose last use a program closes.
   * @returns the handle that is to be closed in its stead: this one, another that was here, or -1 for none
   */
  park(handle: number, record: HandleRecord): number {
    const opened = this.#opened.get(handle);
    const asNew = !record.dead && record.locks.length === 0 &&
      record.failure === 0 && record.cover === 0;
    // A program that opens a file twice has two handles, of which one is enough.
    if (opened === undefined || !asNew || this.#parked.has(opened.key)) return handle;
    this.#parked.set(opened.key, handle);
    if (this.#parked.size <= MAX_PARKED) return -1;
    const [[key, oldest]] = this.#parked;
    this.#parked.delete(key);
    return oldest;
  }

  /** A handle is closed, or its path may lead elsewhere. */
  forget(handle: number): void {
    const opened = this.#opened.get(handle);
    if (opened === undefined) return;
    this.#opened.delete(handle);
    const handles = this.#files.get(opened.ino)!;
    handles.delete(handle);
    if (handles.size === 0) this.#files.delete(opened.ino);
  }

  /** What is known of a file may be so no more: asked with each write. @returns the handles that are to be closed */
  forgetFile(ino: number): number[] {
    const handles = this.#files.get(ino);
    return handles === undefined ? NONE : this.#forgetEach([...handles]);
  }

  /** @returns the handles that are to be closed */
  forgetAll(): number[] {
    return this.#opened.size === 0 ? NONE : this.#forgetEach([...this.#opened.keys()]);
  }

  #forgetEach(handles: number[]): number[] {
    return handles.filter((handle) => {
      const { key } = this.#opened.get(handle)!;
      this.forget(handle);
      return this.#parked.get(key) === handle && this.#parked.delete(key);
    });
  }
}
