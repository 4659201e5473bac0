// The handles of a file server: small integers that clients hold, each a use of an inode.
import { E, fail } from "../errno.ts";
import type { Inode } from "./filesystem.ts";

export interface Handle {
  inode: Inode;
  /** index of the file system among the server's */
  mount: number;
  /** opened for: reading, writing; false, false for one that only names */
  readable: boolean;
  writable: boolean;
  uses: number;
}

/** Handles a server gives out at most: a client that leaks them is stopped here. */
const MAX_HANDLES = 65536;

export class HandleTable {
  readonly #handles: (Handle | undefined)[] = [];
  readonly #free: number[] = [];

  /** Whether no handle is free. */
  get full(): boolean {
    return this.#free.length === 0 && this.#handles.length >= MAX_HANDLES;
  }

  /** @param inode held by the caller; the handle takes that hold over @throws Errno ENFILE */
  add(inode: Inode, mount: number): number {
    const index = this.#free.pop() ?? this.#handles.length;
    if (index >= MAX_HANDLES) fail(E.ENFILE);
    this.#handles[index] = { inode, mount, readable: false, writable: false, uses: 1 };
    return index;
  }

  /** @throws Errno EBADF */
  get(index: number): Handle {
    return this.#handles[index] ?? fail(E.EBADF);
  }

  remove(index: number): void {
    this.#handles[index] = undefined;
    this.#free.push(index);
  }
}
