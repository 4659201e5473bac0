// Inodes that live in memory: what tmpfs is made of, and devfs and procfs are derived from. Nothing
// here waits, so every operation is a plain result.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { type AccessLists, NO_LISTS } from "../../vfs/access_list.ts";
import { DT, FL, SEAL } from "../../vfs/constants.ts";
import {
  APPEND,
  type Attributes,
  type DirectoryEntry,
  type FileSystem,
  type Inode,
  type NewInode,
  S,
} from "../../vfs/filesystem.ts";
import { FilePages, PAGE_BYTES, type PageOwner } from "./file_pages.ts";

const MAX_LINKS = 65000;
const MAX_FILE_BYTES = 2 ** 43;
const MAX_EXTENDED_BYTES = 131_072;
/** Flags of files that mean something here, and those that new ones have of their directory. */
const FLAGS = FL.IMMUTABLE | FL.APPEND | FL.NODUMP | FL.NOATIME, INHERITED = FL.NODUMP | FL.NOATIME;

/** The file system that memory inodes belong to, as they see it. */
export interface MemoryOwner extends FileSystem, PageOwner {
  newInode(made: NewInode): MemoryInode;
  /** the inode is gone */
  forget(inode: MemoryInode): void;
}

export class MemoryInode implements Inode {
  readonly generation = 1;
  readonly attributes: Attributes;
  /** directories: names in the order they were made; positions stay valid while others come and go */
  readonly entries = new Map<string, { inode: MemoryInode; position: number }>();
  parentInode: MemoryInode | undefined;
  readonly target: string;
  unnamed = false;
  accessLists: AccessLists;
  flags = 0;
  /** what nobody may do to it any more (fcntl(2)); that of a file with a name is that no more is sealed */
  seals: number = SEAL.SEAL;
  readonly #pages: FilePages;
  #extended: Map<string, Uint8Array> | undefined;
  #nextPosition = 1;
  #uses = 0;

  constructor(
    readonly filesystem: MemoryOwner,
    readonly ino: number,
    { mode, uid, gid, rdev = 0, target = "", lists = NO_LISTS }: NewInode,
  ) {
    const now = filesystem.environment.realtimeNs();
    this.attributes = {
      mode,
      uid,
      gid,
      rdev,
      sizeBytes: target.length,
      links: (mode & S.IFMT) === S.IFDIR ? 2 : 1,
      blocks: 0,
      blockBytes: PAGE_BYTES,
      atimeNs: now,
      mtimeNs: now,
      ctimeNs: now,
      btimeNs: now,
    };
    this.#pages = new FilePages(filesystem, this.attributes);
    this.target = target;
    this.accessLists = lists;
  }

  get isDirectory(): boolean {
    return (this.attributes.mode & S.IFMT) === S.IFDIR;
  }

  hold(): void {
    this.#uses++;
  }

  release(): void {
    if (--this.#uses <= 0) this.#collect();
  }

  #collect(): void {
    if (this.attributes.links > 0 || this.#uses > 0) return;
    this.#pages.release();
    this.filesystem.forget(this);
  }

  #touch(modified: boolean): void {
    const now = this.filesystem.environment.realtimeNs();
    if (modified) this.attributes.mtimeNs = now;
    this.attributes.ctimeNs = now;
  }

  setAttributes(
    change: Partial<Pick<Attributes, "mode" | "uid" | "gid" | "atimeNs" | "mtimeNs">>,
  ): void {
    Object.assign(this.attributes, change);
    this.#touch(false);
  }

  setFlags(flags: number): void {
    if ((flags & ~FLAGS) !== 0) fail(E.EOPNOTSUPP);
    this.flags = flags;
    this.#touch(false);
  }

  lookup(name: string): MemoryInode | undefined {
    const found = this.entries.get(name)?.inode;
    found?.hold();
    return found;
  }

  parent(): MemoryInode {
    const parent = this.parentInode ?? this;
    parent.hold();
    return parent;
  }

  /** Puts an inode into this directory. */
  attach(name: string, inode: MemoryInode): void {
    if (this.attributes.links === 0) fail(E.ENOENT);
    if (this.entries.has(name)) fail(E.EEXIST);
    this.entries.set(name, { inode, position: this.#nextPosition++ });
    if (inode.isDirectory) {
      inode.parentInode = this;
      this.attributes.links++;
    }
    this.#touch(true);
  }

  /** Takes a name out of this directory; the inode stays. */
  detach(name: string): MemoryInode {
    const { inode } = this.entries.get(name) ?? fail(E.ENOENT);
    this.entries.delete(name);
    if (inode.isDirectory) this.attributes.links--;
    this.#touch(true);
    return inode;
  }

  create(name: string, made: NewInode): MemoryInode {
    if (this.entries.has(name)) fail(E.EEXIST);
    const inode = this.filesystem.newInode(made);
    inode.flags = this.flags & INHERITED;
    this.attach(name, inode);
    inode.hold();
    return inode;
  }

  createUnnamed(made: NewInode): MemoryInode {
    const inode = this.filesystem.newInode(made);
    inode.flags = this.flags & INHERITED;
    inode.attributes.links = 0;
    inode.hold();
    return inode;
  }

  link(name: string, inode: Inode): void {
    const other = inode as MemoryInode;
    if (other.attributes.links >= MAX_LINKS) fail(E.EMLINK);
    this.attach(name, other);
    other.attributes.links++;
    other.unnamed = false;
    other.#touch(false);
  }

  unlink(name: string): void {
    const inode = this.detach(name);
    inode.attributes.links--;
    inode.#touch(false);
    inode.#collect();
  }

  rmdir(name: string): void {
    const { inode } = this.entries.get(name) ?? fail(E.ENOENT);
    if (inode.entries.size > 0) fail(E.ENOTEMPTY);
    this.detach(name);
    inode.attributes.links = 0;
    inode.#collect();
  }

  rename(name: string, newParent: Inode, newName: string, exchange: boolean): void {
    const to = newParent as MemoryInode;
    const { inode: moved } = this.entries.get(name) ?? fail(E.ENOENT);
    const replaced = to.entries.get(newName)?.inode;
    if (replaced !== undefined && !exchange && replaced.entries.size > 0) fail(E.ENOTEMPTY);
    if (exchange && replaced === undefined) fail(E.ENOENT);
    if (moved === replaced) return;
    this.detach(name);
    if (replaced !== undefined) to.detach(newName);
    to.attach(newName, moved);
    moved.#touch(false);
    if (replaced === undefined) return;
    if (exchange) this.attach(name, replaced);
    else {
      replaced.attributes.links = replaced.isDirectory ? 0 : replaced.attributes.links - 1;
      replaced.#collect();
    }
    replaced.#touch(false);
  }

  list(from: number, emit: (entry: DirectoryEntry) => boolean): void {
    for (const [name, { inode, position }] of this.entries) {
      if (position <= from) continue;
      if (!emit({ name, ino: inode.ino, type: entryType(inode.attributes.mode), next: position })) {
        return;
      }
    }
  }

  readlink(): string {
    return this.target;
  }

  // The next six are Blocking in derived file systems (a terminal waits), so their types say so here.
  read(offset: number, into: Uint8Array): ReturnType<Inode["read"]> {
    const count = Math.max(0, Math.min(into.length, this.attributes.sizeBytes - offset));
    this.#pages.read(offset, into, count);
    return count;
  }

  write(offset: number, from: Uint8Array): ReturnType<Inode["write"]> {
    if (offset === APPEND) offset = this.attributes.sizeBytes;
    if (offset + from.length > MAX_FILE_BYTES) fail(E.EFBIG);
    this.#demandUnsealed(SEAL.WRITE, offset + from.length);
    const done = this.#pages.write(offset, from);
    this.attributes.sizeBytes = Math.max(this.attributes.sizeBytes, offset + done);
    this.#touch(true);
    return done;
  }

  /** @param sizeBytes that the file has afterwards, if it is not longer @throws Errno EPERM */
  #demandUnsealed(seal: number, sizeBytes: number): void {
    const forbidden = seal | (sizeBytes > this.attributes.sizeBytes ? SEAL.GROW : 0);
    if ((this.seals & forbidden) !== 0) fail(E.EPERM);
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes > MAX_FILE_BYTES) fail(E.EFBIG);
    this.#demandUnsealed(sizeBytes < this.attributes.sizeBytes ? SEAL.SHRINK : 0, sizeBytes);
    this.#pages.cut(sizeBytes);
    this.attributes.sizeBytes = sizeBytes;
    this.#touch(true);
  }

  allocate(
    mode: "allocate" | "punch-hole" | "zero-range",
    offset: number,
    length: number,
    keepSize: boolean,
  ): ReturnType<Inode["allocate"]> {
    const end = offset + length;
    if (end > MAX_FILE_BYTES) fail(E.EFBIG);
    this.#demandUnsealed(mode === "punch-hole" ? SEAL.WRITE : 0, keepSize ? 0 : end);
    if (mode !== "allocate") this.#pages.clear(offset, end);
    if (mode !== "punch-hole") return this.#fill(offset, end, keepSize);
    this.#touch(true);
  }

  *#fill(offset: number, end: number, keepSize: boolean): Coroutine<void> {
    yield* this.#pages.fill(offset, end);
    if (!keepSize) this.attributes.sizeBytes = Math.max(this.attributes.sizeBytes, end);
    this.#touch(true);
  }

  seek(offset: number, what: "data" | "hole"): number {
    const size = this.attributes.sizeBytes;
    if (what === "hole") return Math.min(this.#pages.nextHole(offset, size), size);
    const next = this.#pages.nextData(offset);
    return next < size ? next : -1;
  }

  getAttribute(name: string): Uint8Array | undefined {
    return this.#extended?.get(name);
  }

  /** What the values of an inode take is bounded, as memory is. */
  setAttribute(name: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.#extended?.delete(name);
    else {
      const extended = this.#extended ??= new Map();
      let bytes = value.length + name.length;
      for (const [other, kept] of extended) {
        if (other !== name) bytes += other.length + kept.length;
      }
      if (bytes > MAX_EXTENDED_BYTES) fail(E.ENOSPC);
      extended.set(name, value);
    }
    this.#touch(false);
  }

  setAccessLists(lists: AccessLists, mode: number): void {
    this.accessLists = lists;
    this.setAttributes({ mode });
  }

  listAttributes(): string[] {
    return [...this.#extended?.keys() ?? []];
  }

  sync(): void {}
}

/** `DT_*` of a mode. */
export function entryType(mode: number): number {
  switch (mode & S.IFMT) {
    case S.IFDIR:
      return DT.DIR;
    case S.IFLNK:
      return DT.LNK;
    case S.IFCHR:
      return DT.CHR;
    case S.IFBLK:
      return DT.BLK;
    case S.IFIFO:
      return DT.FIFO;
    case S.IFSOCK:
      return DT.SOCK;
    default:
      return DT.REG;
  }
}
