// Pages of files that are mapped (mmap(2)). A page that is mapped lives here, in a frame that all mappings
// share; read and write calls on the file go through `MappedFiles`, so that both views agree: a write call
// is copied into the frame, a read call and fsync first write what mappings have changed to the file.
import { type Blocking, type Coroutine, type Tasks, WaitQueue } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { close, type Location, request } from "../path/mounts.ts";
import type { Frame, Frames } from "./frames.ts";
import type { Mapping } from "./mapping.ts";
import type { PageObject } from "./page_object.ts";

/** Pages that are read with one call when one of them is missing. */
const READ_PAGES = 32;
/** Of a program or a library so many are read ahead, at most: of a larger one most are never wanted. */
const PROGRAM_PAGES = 512;

class MappedFile implements PageObject {
  readonly #pages = new Map<number, Frame>();
  readonly #dirty = new Set<number>();
  readonly #loading = new Map<number, WaitQueue>();
  readonly #mappings = new Set<Mapping>();
  /** handles of ours on the file; only while it is mapped */
  #reader: Location | undefined;
  #writer: Location | undefined;

  /** it has been said that it is a program */
  #isProgram = false;

  readonly #frameAt = (page: number): Frame => this.#pages.get(page) ?? 0;

  constructor(private readonly frames: Frames, private readonly tasks: Tasks) {}

  /** The file is about to be mapped through a descriptor on `location`. */
  *attach(location: Location, writable: boolean): Coroutine<void> {
    if (writable ? this.#writer !== undefined : this.#reader !== undefined) return;
    yield* request(location.mount.service, Private.HOLD, [location.handle]);
    if (writable) this.#writer = { ...location };
    else this.#reader = { ...location };
  }

  get file(): Location | undefined {
    return this.#writer ?? this.#reader;
  }

  willExecute(page: number, count: number): void {
    if (this.#isProgram) return;
    this.#isProgram = true;
    this.willRead(page, Math.min(count, PROGRAM_PAGES));
  }

  willRead(page: number, count: number): void {
    const { mount, handle } = this.#reader ?? this.#writer ?? fail(E.EIO);
    const args = [handle, page * PAGE_BYTES, count * PAGE_BYTES];
    this.tasks.spawn(request(mount.service, Call.READAHEAD, args), (_status, failure) => {
      // What is wrong with the pages shows when they are wanted.
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
    });
  }

  present(page: number): Frame {
    return this.#pages.get(page) ?? 0;
  }

  *load(page: number): Coroutine<Frame> {
    for (;;) {
      const frame = this.#pages.get(page);
      if (frame !== undefined) return frame;
      const loading = this.#loading.get(page);
      if (loading === undefined) break;
      yield loading;
    }
    const file = this.#reader ?? this.#writer ?? fail(E.EIO);
    const first = page - page % READ_PAGES;
    const queue = new WaitQueue();
    const wanted: number[] = [];
    for (let each = first; each < first + READ_PAGES; each++) {
      if (this.#pages.has(each) || this.#loading.has(each)) continue;
      wanted.push(each);
      this.#loading.set(each, queue);
    }
    const bytes = new Uint8Array(READ_PAGES * PAGE_BYTES);
    try {
      const count = yield* request(
        file.mount.service,
        Call.PREAD64,
        [file.handle, first * PAGE_BYTES],
        bytes,
      );
      for (const each of wanted) {
        const from = (each - first) * PAGE_BYTES;
        if (from >= count || this.#pages.has(each)) continue;
        const frame = this.frames.allocate(false, each, this.#frameAt);
        if (frame === 0) {
          if (each === page) fail(E.ENOMEM);
          continue;
        }
        this.frames.bytes.set(bytes.subarray(from, from + PAGE_BYTES), frame);
        this.#pages.set(each, frame);
      }
    } finally {
      for (const each of wanted) this.#loading.delete(each);
      queue.wakeAll();
    }
    return this.#pages.get(page) ?? 0;
  }

  dirtied(page: number): void {
    this.#dirty.add(page);
  }

  mapped(mapping: Mapping): void {
    this.#mappings.add(mapping);
  }

  unmapped(mapping: Mapping): void {
    this.#mappings.delete(mapping);
    if (this.#mappings.size === 0) this.tasks.spawn(this.#detach());
  }

  *#detach(): Coroutine<void> {
    for (const page of this.#changed) yield* this.#flushOrLose(page);
    if (this.#mappings.size > 0) return;
    const held = [this.#reader, this.#writer];
    this.#reader = this.#writer = undefined;
    for (const each of held) {
      if (each !== undefined) yield* close(each);
    }
  }

  /** whether a mapping could write to it, now or after mprotect(2) */
  get mappedToWrite(): boolean {
    for (const mapping of this.#mappings) if (mapping.shared && !mapping.readOnly) return true;
    return false;
  }

  /** Calls `visit` with each mapping that shows a page, and where. */
  #whereMapped(page: number, visit: (mapping: Mapping, at: number) => void): void {
    for (const mapping of this.#mappings) {
      const at = mapping.start + page - mapping.objectPage;
      if (at >= mapping.start && at < mapping.end) visit(mapping, at);
    }
  }

  get dirty(): boolean {
    return this.#dirty.size > 0;
  }

  /** Writes what mappings changed in pages [first, last) to the file. */
  *flush(first: number, last: number): Coroutine<void> {
    for (const page of this.#changed) {
      if (page >= first && page < last) yield* this.#flushPage(page);
    }
  }

  /** Pages that mappings changed, in order. */
  get #changed(): number[] {
    return [...this.#dirty].sort((a, b) => a - b);
  }

  *#flushPage(page: number): Coroutine<void> {
    const file = this.#writer, frame = this.#pages.get(page);
    if (!this.#dirty.delete(page) || file === undefined || frame === undefined) return;
    this.#whereMapped(page, (mapping, at) => {
      if (mapping.shared) mapping.owner.protect(at);
    });
    const bytes = this.frames.bytes.slice(frame, frame + PAGE_BYTES);
    try {
      // The file ends where it ended: what lies behind in the last page is nobody's.
      const size = yield* request(file.mount.service, Call.LSEEK, [file.handle, 0, 2]);
      const length = Math.min(PAGE_BYTES, size - page * PAGE_BYTES);
      if (length <= 0) return;
      yield* request(
        file.mount.service,
        Call.PWRITE64,
        [file.handle, page * PAGE_BYTES, 0],
        bytes.subarray(0, length),
      );
    } catch (failure) {
      this.#dirty.add(page);
      throw failure;
    }
  }

  /** What the file cannot take is lost once nobody maps it: it would be kept for ever. */
  *#flushOrLose(page: number): Coroutine<void> {
    try {
      yield* this.#flushPage(page);
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      const frame = this.#pages.get(page);
      if (this.#mappings.size > 0 || frame === undefined) return;
      this.#dirty.delete(page);
      this.#pages.delete(page);
      this.frames.release(frame);
    }
  }

  /** A write call put bytes into the file. */
  written(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const page = Math.floor((offset + done) / PAGE_BYTES);
      const within = offset + done - page * PAGE_BYTES;
      const part = Math.min(PAGE_BYTES - within, bytes.length - done);
      const frame = this.#pages.get(page);
      if (frame !== undefined) {
        this.frames.noteWrite(frame, false);
        this.frames.bytes.set(bytes.subarray(done, done + part), frame + within);
      }
      done += part;
    }
  }

  /** The file has another size, or other content from `offset` on: what was there is read again. */
  changedFrom(offset: number): void {
    for (const [page, frame] of this.#pages) {
      const from = offset - page * PAGE_BYTES;
      if (from >= PAGE_BYTES) continue;
      if (from > 0) {
        this.frames.noteWrite(frame, false);
        this.frames.bytes.fill(0, frame + from, frame + PAGE_BYTES);
        continue;
      }
      this.#whereMapped(page, (mapping, at) => mapping.owner.drop(at));
      this.#pages.delete(page);
      this.#dirty.delete(page);
      this.frames.release(frame);
    }
  }

  /** Gives back frames that nobody maps. @returns how many */
  reclaim(): number {
    let count = 0;
    for (const [page, frame] of this.#pages) {
      if (this.frames.uses(frame) > 1 || this.#dirty.has(page) || this.frames.pinned(frame)) {
        continue;
      }
      this.#pages.delete(page);
      this.frames.release(frame);
      count++;
    }
    return count;
  }

  get isMapped(): boolean {
    return this.#mappings.size > 0;
  }

  get unused(): boolean {
    return this.#pages.size === 0 && this.#mappings.size === 0;
  }
}

/** All files of the machine that are, or were, mapped: by identity. */
export class MappedFiles {
  readonly #files = new Map<string, MappedFile>();

  constructor(private readonly frames: Frames, private readonly tasks: Tasks) {}

  /** The object that shows a file. @param identity unique to the inode, for as long as it lives */
  *open(identity: string, location: Location, writable: boolean): Coroutine<PageObject> {
    let file = this.#files.get(identity);
    if (file === undefined) {
      this.#files.set(identity, file = new MappedFile(this.frames, this.tasks));
    }
    yield* file.attach(location, writable);
    return file;
  }

  /** Whether calls on a file have to be told to it. */
  has(identity: string): boolean {
    return this.#files.size > 0 && this.#files.has(identity);
  }

  /** Whether a mapping of a file could write to it. */
  mappedToWrite(identity: string): boolean {
    return this.#files.get(identity)?.mappedToWrite ?? false;
  }

  /** Whether a file is mapped whose identity begins so. */
  mapsAny(prefix: string): boolean {
    for (const [identity, file] of this.#files) {
      if (file.isMapped && identity.startsWith(prefix)) return true;
    }
    return false;
  }

  /** A write call changed a file. */
  written(identity: string, offset: number, bytes: Uint8Array): void {
    this.#files.get(identity)?.written(offset, bytes);
  }

  /** A file was cut, lengthened, or changed from an offset on. */
  changedFrom(identity: string, offset: number): void {
    this.#files.get(identity)?.changedFrom(offset);
  }

  /** Brings what mappings changed into the file, before somebody reads it another way. */
  flush(identity: string, offset = 0, length = Infinity): Blocking<void> {
    const file = this.#files.get(identity);
    if (file === undefined || !file.dirty) return;
    return file.flush(Math.floor(offset / PAGE_BYTES), Math.ceil((offset + length) / PAGE_BYTES));
  }

  /** Gives back frames of pages that nobody maps. @returns whether there were any */
  reclaim(): boolean {
    let count = 0;
    for (const [identity, file] of this.#files) {
      count += file.reclaim();
      if (file.unused) this.#files.delete(identity);
    }
    return count > 0;
  }
}
