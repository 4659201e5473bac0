// The files that a client keeps something of, and whether that may be used: it is what the server has as long as the
// same instance is there, and no call is under way that may have changed a file of which it is not known which one.
import { CachedFile } from "./cached_file.ts";
import type { ContractService } from "../contract/contract_service.ts";
import { type HandleRecord, identity } from "../contract/handle_book.ts";
import type { PagePool } from "./page_pool.ts";

/** Files that something is noted of. */
const MAX_FILES = 4096;

export class CachedFiles {
  /** how often something was forgotten */
  forgettings = 0;
  readonly #files = new Map<string, CachedFile>();
  #generation: number;
  #numbers = 0;
  /** calls under way that may change a file that is not known */
  #barriers = 0;

  constructor(
    private readonly server: Pick<ContractService, "generation" | "ready">,
    private readonly pool: PagePool,
  ) {
    this.#generation = server.generation;
  }

  /** Whether what is kept may be used, and what comes be kept. */
  get usable(): boolean {
    if (this.#generation !== this.server.generation) this.forgetAll();
    return this.#barriers === 0 && this.server.ready;
  }

  has(record: HandleRecord): boolean {
    return this.#files.has(identity(record));
  }

  /** What is kept of a handle's file, of which something is noted from now on. */
  of(record: HandleRecord): CachedFile {
    const known = record.cached;
    if (known !== undefined && !known.forgotten) return known;
    const name = identity(record);
    let file = this.#files.get(name);
    if (file === undefined) {
      if (this.#files.size >= MAX_FILES) this.#forgetSome();
      this.#files.set(name, file = new CachedFile(this.#numbers++));
    }
    return record.cached = file;
  }

  /** A file was emptied, nobody knows when. */
  emptied(record: HandleRecord): void {
    const file = this.#files.get(identity(record));
    if (file === undefined) return;
    file.swept();
    this.pool.dropAll(file);
  }

  /** A call begins that may change a file, nobody knows which. */
  raiseBarrier(): void {
    this.#barriers++;
  }

  lowerBarrier(): void {
    this.#barriers--;
  }

  /** A change of a file is over. Where the file was forgotten meanwhile, it was a change of one that is not known. */
  changeEnds(file: CachedFile): void {
    if (file.forgotten) this.#barriers--;
  }

  /** Nothing is known any more. What was under way may yet be done, and by then something else be kept. */
  forgetAll(): void {
    this.#generation = this.server.generation;
    for (const file of this.#files.values()) this.#forget(file);
    this.#files.clear();
  }

  #forget(file: CachedFile): void {
    this.forgettings++;
    this.pool.dropAll(file);
    file.forgotten = true;
    this.#barriers += file.changing;
  }

  /** The half of all files that were noted first. */
  #forgetSome(): void {
    let rest = MAX_FILES / 2;
    for (const [name, file] of this.#files) {
      if (rest-- === 0) return;
      if (file.changing > 0) continue;
      this.#forget(file);
      this.#files.delete(name);
    }
  }
}
