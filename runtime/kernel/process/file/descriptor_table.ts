// The descriptors of a process: numbers that refer to open file descriptions. Processes made with
// CLONE_FILES have one table together.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Description } from "./description.ts";

/** RLIMIT_NOFILE, unless a process changes it. */
export const MAX_DESCRIPTORS = 1024;
/** What a process may raise it to; bounds the table of a runaway program. */
export const MOST_DESCRIPTORS = 1 << 20;

interface Entry {
  description: Description;
  closeOnExec: boolean;
}

export class DescriptorTable {
  readonly #entries: (Entry | undefined)[] = [];
  /** files on which locks may be held by it (fcntl_locking(2)), by identity */
  readonly lockedFiles = new Set<string>();
  /** processes that have it */
  users = 1;
  /** no descriptor below this one is free */
  #leastFree = 0;

  #entry(fd: number): Entry {
    return this.#entries[fd] ?? fail(E.EBADF);
  }

  /** @throws Errno EBADF */
  get(fd: number): Description {
    return this.#entry(fd).description;
  }

  has(fd: number): boolean {
    return this.#entries[fd] !== undefined;
  }

  closesOnExec(fd: number): boolean {
    return this.#entry(fd).closeOnExec;
  }

  setCloseOnExec(fd: number, value: boolean): void {
    this.#entry(fd).closeOnExec = value;
  }

  /** Gives a description the lowest free descriptor from `least` to below `limit`. @throws Errno EMFILE */
  add(description: Description, closeOnExec: boolean, least: number, limit: number): number {
    let fd = Math.max(least, this.#leastFree);
    while (this.#entries[fd] !== undefined) fd++;
    if (fd >= limit) fail(E.EMFILE);
    if (least <= this.#leastFree) this.#leastFree = fd + 1;
    this.#entries[fd] = { description, closeOnExec };
    return fd;
  }

  /** Makes `fd` refer to a description. @returns what it referred to */
  replace(fd: number, description: Description, closeOnExec: boolean): Description | undefined {
    const old = this.#entries[fd]?.description;
    this.#entries[fd] = { description, closeOnExec };
    return old;
  }

  /** @returns what the descriptor referred to @throws Errno EBADF */
  remove(fd: number): Description {
    const { description } = this.#entry(fd);
    this.#entries[fd] = undefined;
    if (fd < this.#leastFree) this.#leastFree = fd;
    return description;
  }

  get numbers(): number[] {
    return this.#entries.flatMap((entry, fd) => entry === undefined ? [] : [fd]);
  }

  /** A copy for a child: the same descriptions. */
  fork(): DescriptorTable {
    const copy = new DescriptorTable();
    this.#entries.forEach((entry, fd) => {
      if (entry === undefined) return;
      entry.description.uses++;
      copy.#entries[fd] = { ...entry };
    });
    copy.#leastFree = this.#leastFree;
    return copy;
  }
}

/** One descriptor less refers to a description. @param waits whether the caller may wait: SO_LINGER */
export function releaseUse(description: Description, waits = false): Blocking<void> {
  return --description.uses === 0 ? description.release(waits) : undefined;
}

/** Releases descriptions, one after another. */
export function* releaseAll(descriptions: Iterable<Description>): Coroutine<void> {
  for (const description of descriptions) yield* finish(releaseUse(description));
}
