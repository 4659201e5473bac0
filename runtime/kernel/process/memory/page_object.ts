// Where the pages of a mapping come from when they are not private zeros.
import type { Blocking, Coroutine } from "../../coroutine.ts";
import type { Location } from "../path/mounts.ts";
import type { Frame, Frames } from "./frames.ts";
import type { Mapping } from "./mapping.ts";

export interface PageObject {
  /** Frame of a page if it is there without waiting; 0 where it has to be loaded. */
  present(page: number): Frame;
  /** Frame of a page. @returns 0 beyond the end @throws Errno EIO, ENOMEM */
  load(page: number): Coroutine<Frame>;
  /** The page is about to be written through a shared mapping. */
  dirtied(page: number): void;
  /** A mapping shows it from now on, or does no longer. */
  mapped(mapping: Mapping): void;
  unmapped(mapping: Mapping): void;
  /** Files: brings what mappings changed in pages [first, last) into the file. */
  flush?(first: number, last: number): Blocking<void>;
  /** Files: so many pages from one on will be wanted soon. */
  willRead?(page: number, count: number): void;
  /** Files: they are a program's or a library's, and will be executed, here and there. */
  willExecute?(page: number, count: number): void;
  /** Files: a handle on what is shown, while it is mapped. */
  readonly file?: Location | undefined;
}

/** Memory that several processes share (MAP_SHARED | MAP_ANONYMOUS): lives as long as a mapping does. */
export class SharedMemoryObject implements PageObject {
  readonly #pages = new Map<number, Frame>();
  #mappings = 0;

  /** how many mappings show it */
  get mappings(): number {
    return this.#mappings;
  }

  /** pages that have been used */
  get resident(): number {
    return this.#pages.size;
  }

  constructor(private readonly frames: Frames) {}

  present(page: number): Frame {
    let frame = this.#pages.get(page) ?? 0;
    if (frame === 0) {
      frame = this.frames.allocate(true, page, (each) => this.#pages.get(each) ?? 0);
      if (frame !== 0) this.#pages.set(page, frame);
    }
    return frame;
  }

  *load(page: number): Coroutine<Frame> {
    return this.present(page);
  }

  dirtied(): void {}

  mapped(): void {
    this.#mappings++;
  }

  unmapped(_mapping?: Mapping): void {
    if (--this.#mappings > 0) return;
    for (const frame of this.#pages.values()) this.frames.release(frame);
    this.#pages.clear();
  }
}
