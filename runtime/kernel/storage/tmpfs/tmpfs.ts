// tmpfs: files in the domain's own heap, bounded by a size.
import type { Component } from "../../component.ts";
import type { Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import { type Inode, type NewInode, S, type Usage } from "../../vfs/filesystem.ts";
import { MemoryInode, type MemoryOwner } from "./memory_inode.ts";

/** As statfs(2) tells of it. */
export const TMPFS_MAGIC = 0x01021994;
const PAGE_BYTES = 4096;
const DEFAULT_SIZE_BYTES = 16 << 20;
/** Inodes are not pages, but a domain's heap is finite too. */
const MAX_INODES = 100_000;

let nextDevice = 16;

/** A device number that no other file system of the domain has. */
export function takeDeviceNumber(): number {
  return nextDevice++;
}

export class MemoryFileSystem implements MemoryOwner {
  readonly device = takeDeviceNumber();
  readonly readOnly = false;
  readonly steady = true;
  readonly transaction = 0;
  readonly durable = 0;
  readonly root: MemoryInode;
  readonly #inodes = new Map<number, MemoryInode>();
  readonly #maxPages: number;
  readonly findsInodes = true;
  #pages = 0;
  #nextIno = 1;

  constructor(
    readonly type: string,
    readonly environment: Environment,
    private readonly magic: number,
    sizeBytes: number,
  ) {
    this.#maxPages = Math.floor(sizeBytes / PAGE_BYTES);
    this.root = this.newInode({ mode: S.IFDIR | 0o755, uid: 0, gid: 0 });
    this.root.hold();
  }

  newInode(made: NewInode): MemoryInode {
    return this.keep(this.makeInode(this.nextIno(), made));
  }

  /** An inode is found by its number from now on. */
  protected keep(inode: MemoryInode): MemoryInode {
    this.#inodes.set(inode.ino, inode);
    return inode;
  }

  /** Constructs an inode: derived file systems make their own kinds. */
  protected makeInode(ino: number, made: NewInode): MemoryInode {
    return new MemoryInode(this, ino, made);
  }

  protected nextIno(): number {
    if (this.#inodes.size >= MAX_INODES) fail(E.ENOSPC);
    return this.#nextIno++;
  }

  forget(inode: MemoryInode): void {
    this.#inodes.delete(inode.ino);
  }

  charge(pages: number): void {
    if (this.#pages + pages > this.#maxPages) fail(E.ENOSPC);
    this.#pages += pages;
  }

  usage(): Usage {
    const free = this.#maxPages - this.#pages;
    return {
      magic: this.magic,
      blockBytes: PAGE_BYTES,
      blocks: this.#maxPages,
      freeBlocks: free,
      availableBlocks: free,
      files: MAX_INODES,
      freeFiles: MAX_INODES - this.#inodes.size,
      nameMax: 255,
    };
  }

  sync(): void {}

  inode(ino: number, generation: number): Inode {
    const inode = this.#inodes.get(ino);
    if (inode === undefined || inode.generation !== generation) return fail(E.ESTALE);
    inode.hold();
    return inode;
  }
}

export function createTmpfs(
  environment: Environment,
  _needs: Record<string, unknown>,
  settings: Record<string, unknown>,
): Component {
  const sizeBytes = typeof settings.sizeBytes === "number"
    ? settings.sizeBytes
    : DEFAULT_SIZE_BYTES;
  const filesystem = new MemoryFileSystem("tmpfs", environment, TMPFS_MAGIC, sizeBytes);
  filesystem.root.attributes.mode |= 0o1777;
  return { provides: { filesystem } };
}
