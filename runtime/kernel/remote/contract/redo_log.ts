// Changes that a server acknowledged but has not made durable: kept by the client, in order, so that
// they can be done again when the server lost them. An entry goes once the server says that its
// transaction is durable.
import type { Credential } from "../../service.ts";
import { changeOf, changesContents } from "../../vfs/changes.ts";
import { O } from "../../vfs/constants.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import type { KeptBytes } from "./kept_bytes.ts";
import { KeptCopies } from "./kept_copies.ts";
import { handleArguments, type HandleRecord, ofSameFile } from "./handle_book.ts";

export interface RedoEntry {
  number: number;
  args: number[];
  /** by position in `args`: whose handle it is, whatever its number becomes */
  handles: Map<number, HandleRecord>;
  credential: Credential;
  payload: Uint8Array;
  /** the payload, where somebody waits to have it back */
  kept?: KeptBytes;
  /** of the server's present instance; infinity until it has been done there */
  transaction: number;
  /** the record that this call made */
  made?: HandleRecord;
}

/** Whether the client notes something of the handles of a call once it has been answered. */
export function concernsHandles(number: number): boolean {
  return changeOf.has(number) || number === Private.CREATE || number === Private.OPEN ||
    number === Private.COVER || number === Call.FCNTL || number === Call.FLOCK;
}

/** Whether a call changes the file system. CREATE does when it made the file; OPEN when it truncates. */
export function changes(number: number, args: ArrayLike<number>, made: boolean): boolean {
  if (number === Private.CREATE) return made || (args[2] & O.TRUNC) !== 0;
  if (number === Private.OPEN) return (args[1] & O.TRUNC) !== 0;
  return changeOf.has(number);
}

/** Whether a call changes the file of its first argument, and nothing else. */
function isOfOneFile(number: number): boolean {
  return changesContents(number) || changeOf.get(number) === "attributes";
}

export class RedoLog {
  #entries: RedoEntry[] = [];
  readonly #made = new Set<HandleRecord>();
  /** what writes carry is copied to */
  readonly buffers = new KeptCopies();
  /** payload bytes that it holds */
  bytes = 0;

  get entries(): readonly RedoEntry[] {
    return this.#entries;
  }

  /** entries that became durable since the start */
  durableEntries = 0;

  /** Whether a file that may have to be made again is known by this record. */
  needs(record: HandleRecord): boolean {
    return this.#made.has(record);
  }

  /** Whether it may hold a change of a file: which one a change of names is of is not known. */
  mayConcern(record: HandleRecord): boolean {
    return this.#entries.some(({ number, handles }) =>
      !isOfOneFile(number) || ofSameFile(handles.get(0)!, record)
    );
  }

  /** Keeps an acknowledged change. @param args the client's @param records of its handles, in order */
  add(
    entry: Omit<RedoEntry, "handles" | "args"> & { args: ArrayLike<number> },
    records: readonly HandleRecord[],
  ): void {
    const args = Array.from(entry.args);
    const handles = new Map(
      handleArguments(entry.number, args).map((index, each) => [index, records[each]]),
    );
    this.#entries.push({ ...entry, args, handles });
    this.bytes += entry.payload.length;
    if (entry.made !== undefined) this.#made.add(entry.made);
  }

  /**
   * A new instance of the server is there, which has everything up to `durable`. The rest belongs to
   * none of its transactions until it is done again.
   */
  restart(durable: number): void {
    this.trim(durable);
    for (const entry of this.#entries) entry.transaction = Infinity;
  }

  /** Forgets what is durable. */
  trim(durable: number): void {
    let count = 0;
    while (count < this.#entries.length && this.#entries[count].transaction <= durable) {
      const { payload, kept, made } = this.#entries[count++];
      this.bytes -= payload.length;
      kept?.release();
      if (made !== undefined) this.#made.delete(made);
    }
    this.durableEntries += count;
    if (count > 0) this.#entries.splice(0, count);
  }
}
