// A change of a file that is under way: what it may touch is not used any more, and of what it replaces as a whole
// it is known what will be there.
import type { ServiceCall } from "../../service.ts";
import type { CachedFile, Transfer } from "./cached_file.ts";
import type { CachedFiles } from "./cached_files.ts";
import { dropBytes, dropEnd, type HeldPage, NO_PAGES, withdrawReplaced } from "./cached_pages.ts";
import type { PagePool } from "./page_pool.ts";

export class FileChange {
  /** where it is a write inside the file; else it may change anything, and is a sweep with a number */
  readonly #write: Transfer | undefined = undefined;
  readonly #sweep: number = 0;
  /** pages that it replaces as a whole, as they will be once it is done; they belong to nobody yet */
  #pages: HeldPage[] = NO_PAGES;

  /** It is sent. @param write of part of the file; else all of it may change */
  constructor(
    private readonly files: CachedFiles,
    private readonly pool: PagePool,
    private readonly file: CachedFile,
    write: ServiceCall | undefined,
  ) {
    if (write === undefined) {
      this.#sweep = file.beginSweep(true);
      pool.dropAll(file);
      return;
    }
    const { args, payload } = write, offset = args[1], appends = args[2];
    if (appends === 0 && file.isInside(offset, payload.length)) {
      this.#write = file.begin(offset, payload.length, true);
      this.#pages = withdrawReplaced(pool, file, offset, payload);
      return;
    }
    this.#sweep = file.beginSweep(false);
    dropEnd(pool, file);
    // Whole pages that are kept are inside the file: of those, at most the first is touched.
    if (appends === 0) dropBytes(pool, file, offset, payload.length);
  }

  /** What the file will have is not kept. */
  giveUp(): void {
    for (const [, frame] of this.#pages) this.pool.release(frame);
    this.#pages = NO_PAGES;
  }

  /** It was answered. @param done all of it was @param sizeBytes what the file has then, if it is known */
  end(done: boolean, sizeBytes?: number): void {
    const { file, files } = this, write = this.#write;
    const isSo = write !== undefined ? file.end(write) : file.endSweep(this.#sweep);
    files.changeEnds(file);
    if (isSo && done && files.usable) {
      for (const [page, frame] of this.#pages) this.pool.give(frame, file, page);
      this.#pages = NO_PAGES;
      if (sizeBytes !== undefined) file.endsAt(sizeBytes);
    }
    this.giveUp();
  }
}
