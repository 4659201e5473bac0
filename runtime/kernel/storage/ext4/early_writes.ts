// Writes before somebody asks for them. Of a file that is made durable time and again, what is written as whole pages
// goes to the disk a few at a time, so that the next `fsync` has little to wait for. Pages written in part are left:
// they will be written to again.

/** Pages, of whatever files, that go together. */
const EARLY_PAGES = 32;

/** How many may go after a commit: where no other comes, that is what was done in vain. */
export const MOST_EARLY_PAGES = 2048;

/** A file of which pages are gathered. */
export interface GatheringFile {
  /** Begins to write them. */
  writeGathered(): void;
}

export class EarlyWrites {
  readonly #files = new Set<GatheringFile>();
  #pages = 0;

  /** A file has so many pages more that are gathered. */
  gathered(file: GatheringFile, pages: number): void {
    this.#files.add(file);
    this.#pages += pages;
    if (this.#pages < EARLY_PAGES) return;
    for (const each of this.#files) each.writeGathered();
    this.#files.clear();
    this.#pages = 0;
  }

  /** The pages gathered of a file, so many, are written for another reason. */
  written(file: GatheringFile, pages: number): void {
    this.#files.delete(file);
    this.#pages -= pages;
  }
}
