// The page cache: file contents in frames of the domain's memory, where devices reach them. Owners
// (inodes) hold their pages by index; this holds the frames, and takes back those of pages that nobody
// has used for a while.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import type { DmaBuffer, Environment } from "../../environment.ts";

export const PAGE_BYTES = 4096;

/** One page of a file. */
export interface Page {
  readonly owner: PageOwner;
  readonly index: number;
  readonly frame: DmaBuffer;
  /** holds the file's contents; false while it is being read */
  ready: boolean;
  dirty: boolean;
  /** requests under way to or from its frame */
  busy: number;
  /** writers that are about to fill it: it stays */
  pins: number;
  /** used since the hand last passed */
  referenced: boolean;
  /** where it is among all pages */
  slot: number;
  /** no longer its owner's: the frame is free once it is not busy */
  dropped: boolean;
}

export interface PageOwner {
  readonly pages: Map<number, Page>;
  /** those of them that are dirty, kept by the cache */
  readonly dirty: Set<Page>;
  /** writes its dirty pages to the disk */
  writeData(): Coroutine<void>;
}

/** Dirty pages, as a share of all, from which on writers write back before they go on. */
const DIRTY_SHARE = 0.4;

export class PageCache {
  readonly frames: number;
  dirty = 0;
  /** pages that were there when a reader came, and pages that it had to wait for */
  hits = 0;
  misses = 0;
  /** woken when a page is ready, or a frame may be free */
  readonly changed = new WaitQueue();
  readonly #pool: DmaBuffer;
  /** frames from here on have never been used */
  #unused = 0;
  readonly #free: DmaBuffer[] = [];
  readonly #pages: Page[] = [];
  #hand = 0;

  /** @param sizeBytes of frames to take from the domain's memory */
  constructor(environment: Environment, sizeBytes: number) {
    this.frames = Math.floor(sizeBytes / PAGE_BYTES);
    this.#pool = environment.memory.allocate(this.frames * PAGE_BYTES);
  }

  #takeFrame(): DmaBuffer | undefined {
    if (this.#free.length > 0 || this.#unused === this.frames) return this.#free.pop();
    const at = this.#unused++ * PAGE_BYTES;
    return {
      address: this.#pool.address + at,
      bytes: this.#pool.bytes.subarray(at, at + PAGE_BYTES),
    };
  }

  /** Gives an owner a page that it does not have; its contents are whatever was there. */
  *add(owner: PageOwner, index: number): Coroutine<Page> {
    for (;;) {
      const present = owner.pages.get(index);
      if (present !== undefined) return present;
      const free = this.#takeFrame();
      if (free !== undefined) return this.#place(owner, index, free, this.#pages.length);
      const old = this.#reclaim();
      if (old !== undefined) return this.#place(owner, index, old.frame, old.slot);
      yield* this.#makeRoom();
    }
  }

  #place(owner: PageOwner, index: number, frame: DmaBuffer, slot: number): Page {
    const page: Page = {
      owner,
      index,
      frame,
      ready: false,
      dirty: false,
      busy: 0,
      pins: 0,
      referenced: true,
      slot,
      dropped: false,
    };
    owner.pages.set(index, page);
    return this.#pages[slot] = page;
  }

  /**
   * Takes a clean page that was not used since the hand last passed it from its owner. Who gets its frame gets its
   * slot: what is read in a row then lies in a row again, and is one segment to a device.
   */
  #reclaim(): Page | undefined {
    for (let steps = 0; steps < 2 * this.#pages.length; steps++) {
      if (this.#hand >= this.#pages.length) this.#hand = 0;
      const page = this.#pages[this.#hand++];
      if (page.dirty || page.busy > 0 || page.pins > 0 || !page.ready) continue;
      if (!page.referenced) {
        page.owner.pages.delete(page.index);
        return page;
      }
      page.referenced = false;
    }
    return undefined;
  }

  *#makeRoom(): Coroutine<void> {
    const dirty = this.#pages.find((page) => page.dirty && page.busy === 0);
    if (dirty !== undefined) yield* dirty.owner.writeData();
    else yield this.changed;
  }

  markDirty(page: Page): void {
    if (page.dirty) return;
    page.dirty = true;
    page.owner.dirty.add(page);
    this.dirty++;
  }

  markClean(page: Page): void {
    if (!page.dirty) return;
    page.dirty = false;
    page.owner.dirty.delete(page);
    this.dirty--;
  }

  /** whether a writer should write back before it makes more pages dirty */
  get crowded(): boolean {
    return this.dirty > this.frames * DIRTY_SHARE;
  }

  /** Takes a page away from its owner. */
  drop(page: Page): void {
    this.markClean(page);
    page.owner.pages.delete(page.index);
    page.dropped = true;
    this.#forget(page);
    if (page.busy === 0) this.#release(page);
  }

  /** The last page takes the place of one that goes. */
  #forget(page: Page): void {
    const last = this.#pages.pop()!;
    if (last === page) return;
    last.slot = page.slot;
    this.#pages[page.slot] = last;
  }

  /** A request on a page's frame is over. */
  settle(page: Page): void {
    page.busy--;
    if (page.busy === 0 && page.dropped) this.#release(page);
    this.changed.wakeAll();
  }

  #release(page: Page): void {
    this.#free.push(page.frame);
    this.changed.wakeAll();
  }
}
