// The handles that a client has on a remote file server, under numbers of the client's own: they stay
// the same when the server is restarted and its own numbers change.
import { E, fail } from "../../errno.ts";
import { Call, Private } from "../../vfs/protocol.ts";
import type { CachedFile } from "../page_cache/cached_file.ts";

/** A call of fcntl or flock that took or gave back a lock; arguments without the handle. */
export interface LockCall {
  number: number;
  args: number[];
}

/** What is needed to get a handle again. */
export interface HandleRecord {
  /** number that the server knows it by now; -1 while it has none */
  server: number;
  mount: number;
  ino: number;
  generation: number;
  /** open flags; -1 for a handle that only names */
  flags: number;
  uses: number;
  /** mount id that covers it; 0 for none */
  cover: number;
  /** arguments of the lock calls that were granted, without the handle, in order */
  locks: LockCall[];
  /** it could not be had again: every call on it is EIO */
  dead: boolean;
  /** a regular file whose content changes by calls of clients alone */
  steady: boolean;
  /** a write to it that the server has room for fails only where the disk does */
  takesWrites: boolean;
  /** error number of a write that nobody waited for, not told through this handle yet; 0 for none */
  failure: number;
  /** what the client keeps of it, once it has been asked for */
  cached?: CachedFile;
}

/** What a server tells of an inode that it gives a handle of. */
export type FoundInode = Pick<
  HandleRecord,
  "server" | "mount" | "ino" | "generation" | "flags" | "steady" | "takesWrites"
>;

/** What is known of an inode at first. */
export function recordOf(found: FoundInode, uses: number): HandleRecord {
  return { ...found, uses, cover: 0, locks: [], dead: false, failure: 0 };
}

/** What tells an inode of a server from every other one. */
export function identity(record: Pick<HandleRecord, "mount" | "ino" | "generation">): string {
  return `${record.mount}:${record.ino}:${record.generation}`;
}

/** Whether two handles are of one inode. */
export function ofSameFile(one: HandleRecord, other: HandleRecord): boolean {
  return one.ino === other.ino && one.generation === other.generation && one.mount === other.mount;
}

/** Which arguments of a call are handles. */
export function handleArguments(number: number, args: ArrayLike<number>): number[] {
  switch (number) {
    case Private.NULL:
    case Private.ROOT:
    case Private.REOPEN:
    case Private.RECOVERED:
    case Private.DROP_ORPHANS:
    case Call.SYNC:
      return NONE;
    case Private.WALK:
    case Private.STAT:
      return args[4] >= 0 ? FROM_AND_ROOT : FIRST;
    case Call.LINKAT:
      return FIRST_TWO;
    case Call.RENAMEAT2:
      return OLD_AND_NEW;
    default:
      return FIRST;
  }
}

const NONE: number[] = [],
  FIRST = [0],
  FIRST_TWO = [0, 1],
  OLD_AND_NEW = [0, 2],
  FROM_AND_ROOT = [0, 4];

export class HandleBook {
  readonly #records: (HandleRecord | undefined)[] = [];
  readonly #free: number[] = [];

  /** @returns the client's number for it */
  add(found: FoundInode): number {
    const index = this.#free.pop() ?? this.#records.length;
    this.#records[index] = recordOf(found, 1);
    return index;
  }

  /** @throws Errno EBADF, EIO for one that died with its server */
  get(index: number): HandleRecord {
    const record = this.#records[index] ?? fail(E.EBADF);
    return record.dead ? fail(E.EIO) : record;
  }

  /** What is known of a handle, one that died with its server included. @throws Errno EBADF */
  peek(index: number): HandleRecord {
    return this.#records[index] ?? fail(E.EBADF);
  }

  /** One use less. @returns the record once it has none left; dead ones included */
  drop(index: number): HandleRecord | undefined {
    const record = this.#records[index] ?? fail(E.EBADF);
    if (--record.uses > 0) return undefined;
    this.#records[index] = undefined;
    this.#free.push(index);
    return record;
  }

  get all(): HandleRecord[] {
    return this.#records.filter((record) => record !== undefined);
  }

  /** Who the handles of a call are, whatever becomes of their numbers meanwhile. @throws Errno EBADF, EIO */
  recordsOf(number: number, args: ArrayLike<number>): HandleRecord[] {
    return handleArguments(number, args).map((index) => this.get(args[index]));
  }

  /** The arguments as the server knows them. @throws Errno EBADF, EIO */
  translate(number: number, args: ArrayLike<number>): number[] {
    const translated: number[] = [];
    for (let index = 0; index < args.length; index++) translated.push(args[index]);
    const handles = handleArguments(number, args);
    for (let each = 0; each < handles.length; each++) {
      const index = handles[each];
      translated[index] = this.get(args[index]).server;
    }
    return translated;
  }
}
