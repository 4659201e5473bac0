// The contents of a regular file: pages to and from blocks, with read-ahead and merged write-back.
import type { BlockRequest } from "../../block/block_device.ts";
import type { Coroutine } from "../../coroutine.ts";
import type { DmaBuffer } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import { type Page, PAGE_BYTES, type PageCache, type PageOwner } from "../page_cache/page_cache.ts";
import type { BlockIo } from "./block_io.ts";
import { type EarlyWrites, MOST_EARLY_PAGES } from "./early_writes.ts";
import type { ExtentList } from "./extents.ts";

/** Pages read at once: at first, and at most, when a file is read from front to back. */
const FIRST_WINDOW = 4;
const MAX_WINDOW = 256;
/** How much of all memory for pages advice may fill. */
const ADVISED_SHARE = 0.25;

/** Bytes that a writer leaves behind, from front to back, before the disk begins on them. */
const WRITE_BEHIND_BYTES = 512 << 10;

export interface FileContext {
  pageCache: PageCache;
  io: BlockIo;
  blockBytes: number;
  early: EarlyWrites;
  /** starts work that nobody waits for */
  spawn(body: Coroutine<void>): void;
}

export class FileData implements PageOwner {
  readonly pages = new Map<number, Page>();
  readonly dirty = new Set<Page>();
  #nextExpected = 0;
  #window = FIRST_WINDOW;
  #aheadTo = 0;
  /** where the last writer got to, and from where on the disk has not been told of what it wrote */
  #writtenTo = 0;
  #behind = 0;
  /** pages that may go to the disk before the next commit, and those that are the next to go */
  #early = 0;
  readonly #gathered = new Set<Page>();
  /** writes under way, and how many the disk refused */
  readonly #writing = new Set<Run>();
  #failures = 0;
  /** how often the disk refused to read */
  #unread = 0;

  /** @param sizeBytes the file's size now */
  constructor(
    private readonly context: FileContext,
    private readonly extents: () => ExtentList,
    private readonly sizeBytes: () => number,
  ) {}

  /** Copies cached pages out. @returns false when one of them is not in memory */
  copyOut(offset: number, into: Uint8Array, length: number): boolean {
    for (let done = 0; done < length;) {
      const within = (offset + done) % PAGE_BYTES;
      const index = Math.floor((offset + done) / PAGE_BYTES);
      const page = this.pages.get(index);
      if (page === undefined || !page.ready) return false;
      page.referenced = true;
      const part = Math.min(PAGE_BYTES - within, length - done);
      if (part === PAGE_BYTES) into.set(page.frame.bytes, done);
      else into.set(page.frame.bytes.subarray(within, within + part), done);
      done += part;
    }
    const pages = Math.floor((offset + length - 1) / PAGE_BYTES) - Math.floor(offset / PAGE_BYTES) +
      1;
    this.context.pageCache.hits += pages;
    return true;
  }

  /**
   * Reads up to `length` bytes.
   * @returns how many: fewer where the file ends, also when it came to end there meanwhile
   */
  *read(offset: number, into: Uint8Array, length: number): Coroutine<number> {
    for (let done = 0; done < length;) {
      const index = Math.floor((offset + done) / PAGE_BYTES);
      const end = Math.ceil((offset + length) / PAGE_BYTES);
      const page = yield* this.load(index, end - index);
      const left = this.sizeBytes() - offset - done;
      if (left <= 0) return done;
      const within = (offset + done) % PAGE_BYTES;
      const part = Math.min(PAGE_BYTES - within, length - done, left);
      into.set(page.frame.bytes.subarray(within, within + part), done);
      done += part;
      this.#readAhead(index);
    }
    return length;
  }

  /**
   * The page with its contents.
   * @param wanted how many pages from there on the reader is going to ask for @throws Errno EIO
   */
  *load(index: number, wanted = 1): Coroutine<Page> {
    const unread = this.#unread;
    for (let waited = false;; waited = true) {
      const page = this.pages.get(index);
      if (page?.ready) {
        page.referenced = true;
        if (!waited) this.context.pageCache.hits++;
        return page;
      }
      if (!waited) this.context.pageCache.misses++;
      if (page !== undefined) {
        yield this.context.pageCache.changed;
        continue;
      }
      // One that somebody waited for may also have gone because the file ends before it now.
      if (this.#unread !== unread) fail(E.EIO);
      this.#window = index === this.#nextExpected
        ? Math.min(this.#window * 2, MAX_WINDOW)
        : FIRST_WINDOW;
      yield* this.#fetch(index, Math.max(this.#window, Math.min(wanted, MAX_WINDOW)));
    }
  }

  /** Begins to read pages that somebody will want, without waiting for them. */
  advise(index: number, count: number): void {
    const { pageCache, spawn } = this.context;
    const most = Math.floor(pageCache.frames * ADVISED_SHARE);
    spawn(this.#fetchAll(index, index + Math.min(count, most)));
  }

  *#fetchAll(index: number, beyond: number): Coroutine<void> {
    const end = Math.min(beyond, Math.ceil(this.sizeBytes() / PAGE_BYTES));
    for (let at = index; at < end; at += MAX_WINDOW) {
      yield* this.#fetch(at, Math.min(MAX_WINDOW, end - at));
    }
  }

  /** Starts reading the next window while the present one is being used up. */
  #readAhead(index: number): void {
    this.#nextExpected = index + 1;
    if (this.#window <= FIRST_WINDOW || index < this.#aheadTo - this.#window / 2) return;
    const from = Math.max(this.#aheadTo, index + 1);
    if (from * PAGE_BYTES >= this.sizeBytes()) return;
    this.#window = Math.min(this.#window * 2, MAX_WINDOW);
    this.context.spawn(this.#fetch(from, this.#window));
  }

  /** Begins reading up to `count` pages; the first is on its way when this returns. */
  *#fetch(index: number, count: number): Coroutine<void> {
    const beyond = Math.min(
      index + count,
      Math.max(index + 1, Math.ceil(this.sizeBytes() / PAGE_BYTES)),
    );
    this.#aheadTo = Math.max(beyond, index);
    const pages: Page[] = [];
    for (let each = index; each < beyond; each++) {
      if (this.pages.has(each)) continue;
      const page = yield* this.context.pageCache.add(this, each);
      if (page.ready || page.busy > 0) continue;
      page.busy++;
      pages.push(page);
    }
    this.context.spawn(this.#fill(pages));
  }

  *#fill(pages: Page[]): Coroutine<void> {
    const failed = new Set<Page>();
    const runs = this.#runs(pages, (unwritten) => !unwritten, (page) => page.frame.bytes.fill(0));
    for (const run of runs) run.request = this.context.io.submit("read", run.sector, run.buffers);
    for (const run of runs) {
      while (run.request!.status === "pending") yield run.request!.done;
      if (run.request!.status !== "ok") { for (const page of run.pages) failed.add(page); }
    }
    if (failed.size > 0) this.#unread++;
    for (const page of pages) {
      if (failed.has(page) && !page.dropped) this.context.pageCache.drop(page);
      else page.ready = true;
      this.context.pageCache.settle(page);
    }
  }

  /** Runs of blocks in a row on the disk, over pages in order; holes are left out, and told. */
  #runs(
    pages: Page[],
    wanted: (unwritten: boolean) => boolean,
    hole: (page: Page) => void = () => {},
  ): Run[] {
    const { blockBytes, io } = this.context;
    const extents = this.extents();
    const perPage = PAGE_BYTES / blockBytes;
    const runs: Run[] = [];
    let run: Run | undefined;
    let next = -1;
    for (const page of pages) {
      for (let part = 0; part < perPage; part++) {
        const { physical, unwritten } = extents.lookup(page.index * perPage + part);
        if (physical < 0 || !wanted(unwritten)) {
          hole(page);
          next = -1;
          continue;
        }
        const buffer = perPage === 1 ? page.frame : {
          address: page.frame.address + part * blockBytes,
          bytes: page.frame.bytes.subarray(part * blockBytes, (part + 1) * blockBytes),
        };
        const full = run !== undefined &&
          (run.bytes + blockBytes > io.disk.maxBytes || run.buffers.length >= io.disk.maxBuffers);
        if (run === undefined || physical !== next || full) {
          run = { sector: physical * blockBytes / 512, buffers: [], pages: [], bytes: 0 };
          runs.push(run);
        }
        run.buffers.push(buffer);
        if (run.pages[run.pages.length - 1] !== page) run.pages.push(page);
        run.bytes += blockBytes;
        next = physical + 1;
      }
    }
    return runs;
  }

  /**
   * A page about to be written, pinned; to be given back to `unpin`.
   * @param rest what the page holds where it is not written: the file's contents; zeros, beyond its end;
   * nothing, for one written in full. A page that is not read becomes ready with its new contents, for
   * a reader must not see what is neither old nor new.
   */
  *pin(index: number, rest: "contents" | "zeros" | "nothing"): Coroutine<Page> {
    let page = rest === "contents"
      ? yield* this.load(index)
      : yield* this.context.pageCache.add(this, index);
    if (!page.ready && (page.busy > 0 || page.pins > 0)) page = yield* this.load(index);
    if (!page.ready && rest === "zeros") page.frame.bytes.fill(0);
    page.pins++;
    return page;
  }

  /** The writer is done, or has failed: a page that got no contents goes. */
  unpin(page: Page): void {
    page.pins--;
    if (!page.ready && !page.dropped) this.context.pageCache.drop(page);
    this.context.pageCache.changed.wakeAll();
  }

  /** Writes what is dirty. @throws Errno EIO */
  *writeData(): Coroutine<void> {
    const failures = this.#failures;
    const dirty = [...this.dirty].sort((a, b) => a.index - b.index);
    this.#early = MOST_EARLY_PAGES;
    this.context.early.written(this, this.#gathered.size);
    this.#gathered.clear();
    const writing = this.#writeInTurn(dirty);
    yield* dirty.some((page) => page.busy > 0) ? this.context.io.late(writing) : writing;
    if (this.#failures !== failures) fail(E.EIO);
  }

  /** Writes pages, and waits for what somebody else began: that must be on the disk, too. */
  *#writeInTurn(left: Page[]): Coroutine<void> {
    do {
      // A page is not written twice at a time: which of its contents came last would be for the disk to say.
      const begun = [...this.#writing];
      const busy = left.filter((page) => page.busy > 0);
      yield* this.#write(left.filter((page) => page.busy === 0 && page.dirty));
      for (const run of begun) while (this.#writing.has(run)) yield this.context.pageCache.changed;
      left = busy.filter((page) => page.dirty || page.busy > 0);
    } while (left.length > 0);
  }

  /**
   * Notes what was written. Who writes from front to back is done with what lies behind: the disk begins on it
   * meanwhile, so that little is left for the `fsync` that comes at the end.
   */
  wrote(offset: number, end: number): void {
    if (this.#early > 0) this.#gather(Math.ceil(offset / PAGE_BYTES), Math.floor(end / PAGE_BYTES));
    if (offset !== this.#writtenTo) this.#behind = offset;
    this.#writtenTo = end;
    if (end - this.#behind < WRITE_BEHIND_BYTES) return;
    const from = Math.floor(this.#behind / PAGE_BYTES), beyond = Math.floor(end / PAGE_BYTES);
    this.#behind = end;
    this.context.spawn(this.#write(this.#dirty(from, beyond)));
  }

  /** Pages that were written as a whole. */
  #gather(from: number, beyond: number): void {
    const before = this.#gathered.size;
    for (let index = from; index < beyond; index++) this.#gathered.add(this.pages.get(index)!);
    this.context.early.gathered(this, this.#gathered.size - before);
  }

  /** Writes what was gathered; in order, so that neighbours are one request. */
  writeGathered(): void {
    const pages = [...this.#gathered].filter((page) => page.dirty && page.busy === 0);
    this.#gathered.clear();
    this.#early -= pages.length;
    this.context.spawn(this.#write(pages.sort((a, b) => a.index - b.index)));
  }

  /** Pages of a range to be written that are not on their way already. */
  #dirty(from: number, beyond: number): Page[] {
    const dirty: Page[] = [];
    for (let index = from; index < beyond; index++) {
      const page = this.pages.get(index);
      if (page?.dirty && page.busy === 0) dirty.push(page);
    }
    return dirty;
  }

  *#write(dirty: Page[]): Coroutine<void> {
    const { pageCache, io } = this.context;
    for (const page of dirty) {
      pageCache.markClean(page);
      page.busy++;
    }
    const runs = this.#runs(dirty, () => true);
    for (const run of runs) {
      run.request = io.submit("write", run.sector, run.buffers);
      this.#writing.add(run);
    }
    for (const run of runs) {
      while (run.request!.status === "pending") yield run.request!.done;
      this.#writing.delete(run);
      if (run.request!.status === "ok") continue;
      this.#failures++;
      for (const page of run.pages) if (!page.dropped) pageCache.markDirty(page);
    }
    for (const page of dirty) pageCache.settle(page);
  }

  /** Forgets pages from an index on; the newest first, so that the next ones get their frames in the same order. */
  dropFrom(index: number, beyond = Infinity): void {
    for (const page of [...this.pages.values()].reverse()) {
      if (page.index >= index && page.index < beyond) this.context.pageCache.drop(page);
    }
  }
}

interface Run {
  sector: number;
  buffers: DmaBuffer[];
  pages: Page[];
  bytes: number;
  request?: BlockRequest;
}
