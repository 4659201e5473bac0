// The interface `filesystem`: what the VFS asks of ext4, tmpfs, devfs and procfs.
// Names are byte strings: one character a byte (0 to 255), so that any Linux name is exact and
// comparisons are plain string comparisons.
import type { Blocking, Coroutine, WaitQueue } from "../coroutine.ts";
import type { Credential } from "../service.ts";
import type { AccessLists } from "./access_list.ts";

/** Position for `write` that means "at the end, wherever that is when the write happens". */
export const APPEND = -1;

/** File type bits of `st_mode`, and the rest of what inode(7) names. */
export const S = {
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o060000,
  IFDIR: 0o040000,
  IFCHR: 0o020000,
  IFIFO: 0o010000,
  ISUID: 0o4000,
  ISGID: 0o2000,
  ISVTX: 0o1000,
} as const;

/** Attributes as the VFS reads and writes them. Times are nanoseconds since 1970. */
export interface Attributes {
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  links: number;
  /** in units of 512 bytes, as `st_blocks` */
  blocks: number;
  blockBytes: number;
  /** device number of a character or block special file; 0 otherwise */
  rdev: number;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  btimeNs: bigint;
}

export interface DirectoryEntry {
  name: string;
  ino: number;
  /** `DT_*` of getdents64 */
  type: number;
  /** position to continue after this entry (opaque, below 2^53) */
  next: number;
}

export interface Usage {
  /** `f_type` magic of statfs(2) */
  magic: number;
  blockBytes: number;
  blocks: number;
  freeBlocks: number;
  availableBlocks: number;
  files: number;
  freeFiles: number;
  nameMax: number;
}

/**
 * An inode in memory. At most one object per inode number exists at a time; the VFS counts uses with
 * `hold`/`release`, and an inode without links goes when the last use does. Methods that change
 * something throw Errno EROFS on a read-only file system. The VFS checks permissions and types
 * (a directory operation is only called on a directory); the file system checks names' existence.
 */
/** What an inode is made as. */
export interface NewInode {
  /** type and permission bits */
  mode: number;
  uid: number;
  gid: number;
  /** of a device: its number; 0 unless told */
  rdev?: number;
  /** of a symbolic link: where it leads, a byte string */
  target?: string;
  /** access control lists, for a file system that has any; none unless told */
  lists?: AccessLists;
}

/** Mode of symbolic links: nobody asks for their permissions (symlink(7)). */
export const SYMLINK_MODE = S.IFLNK | 0o777;

export interface Inode {
  readonly filesystem: FileSystem;
  readonly ino: number;
  /** changes when the number is reused */
  readonly generation: number;
  readonly attributes: Readonly<Attributes>;
  /** bits of `FL` and what else the file system keeps with them; absent where it has no flags */
  readonly flags?: number;
  /** it was made without a name, and may get one yet */
  unnamed?: boolean;
  /** regular file: a write within `spareBytes` of its file system fails only where the disk does */
  readonly takesWrites?: boolean;

  hold(): void;
  release(): Blocking<void>;

  /** changes the given attributes (chmod, chown, utimens); ctime is set to now. Not for the size. */
  setAttributes(
    change: Partial<Pick<Attributes, "mode" | "uid" | "gid" | "atimeNs" | "mtimeNs">>,
  ): Blocking<void>;

  /** sets its flags, all of them; ctime is set to now. Errno EOPNOTSUPP for a change that the file system does not know. */
  setFlags?(flags: number): Blocking<void>;

  /** directory: the inode of a name, held for the caller; undefined where there is none. Never "." or "..". */
  lookup(name: string): Blocking<Inode | undefined>;
  /** directory: its parent, held for the caller (itself at the root) */
  parent(): Blocking<Inode>;
  /**
   * directory: makes a file, directory, symbolic link, device or FIFO by `mode`'s type bits; held for the caller.
   * Errno EEXIST, ENOSPC.
   */
  create(name: string, made: NewInode): Blocking<Inode>;
  /** directory: makes a file without a name near it; held for the caller. Absent where there are none. */
  createUnnamed?(made: NewInode): Blocking<Inode>;
  /** directory: one more name for `inode`, of the same file system. Errno EMLINK. */
  link(name: string, inode: Inode): Blocking<void>;
  /** directory: removes a name that is not a directory */
  unlink(name: string): Blocking<void>;
  /** directory: removes an empty directory. Errno ENOTEMPTY. */
  rmdir(name: string): Blocking<void>;
  /**
   * directory: moves `name` to `newName` of `newParent`, replacing what is there (types already
   * checked by the VFS; a directory that is replaced must be empty, else Errno ENOTEMPTY); with
   * `exchange` both must exist and swap. One transaction.
   */
  rename(name: string, newParent: Inode, newName: string, exchange: boolean): Blocking<void>;
  /**
   * directory: entries from position `from` (0 at the start), without "." and "..", until `emit`
   * answers false. Entries that stay are seen exactly once while others come and go.
   */
  list(from: number, emit: (entry: DirectoryEntry) => boolean): Blocking<void>;
  /** symbolic link: its target, a byte string; procfs has links that depend on who asks */
  readlink(caller?: Credential): Blocking<string>;
  /**
   * symbolic link of procfs: where it stands for something, a number by which the primary knows that. It is
   * followed there, whatever the target says.
   */
  place?(caller: Credential): number | undefined;

  /** bytes read, 0 at and after the end; short only at the end */
  read(offset: number, into: Uint8Array): Blocking<number>;
  /** Begins to read what will be wanted; absent where that is always at hand. */
  readAhead?(offset: number, bytes: number): Blocking<void>;
  /** bytes written, at a position or at {@link APPEND}; grows the file; holes read as zeros. Errno ENOSPC, EFBIG. */
  write(offset: number, from: Uint8Array): Blocking<number>;
  /** sets the size; what is beyond is gone, what is new reads as zeros */
  truncate(sizeBytes: number): Blocking<void>;
  /**
   * fallocate(2): "allocate" (grows the size unless `keepSize`), "punch-hole" and "zero-range".
   * Errno EOPNOTSUPP where the file system lacks the mode.
   */
  allocate(
    mode: "allocate" | "punch-hole" | "zero-range",
    offset: number,
    length: number,
    keepSize: boolean,
  ): Blocking<void>;
  /** lseek(2) SEEK_DATA and SEEK_HOLE; -1 where there is none before the end */
  seek(offset: number, what: "data" | "hole"): Blocking<number>;
  /** extended attributes, by whole name; all three are absent where the file system has none */
  getAttribute?(name: string): Blocking<Uint8Array | undefined>;
  /** without a value the attribute goes. Errno ENOSPC where there is no room. */
  setAttribute?(name: string, value: Uint8Array | undefined): Blocking<void>;
  listAttributes?(): Blocking<string[]>;
  /** access control lists; absent where the file system has none, as is how they are set, together with the mode */
  readonly accessLists?: AccessLists;
  setAccessLists?(lists: AccessLists, mode: number): Blocking<void>;
  /** returns when data and attributes are durable */
  sync(dataOnly: boolean): Blocking<void>;
  /** level of readiness, `POLLIN` etc.; a regular file is always ready */
  poll?(): number;
  /** woken when that level changes */
  readonly readiness?: WaitQueue;
}

export interface FileSystem {
  /** as in /proc/filesystems: "ext4", "tmpfs", "devtmpfs", "proc" */
  readonly type: string;
  /** a number for `st_dev`, unique in the domain */
  readonly device: number;
  readonly readOnly: boolean;
  /** whether nothing but calls on it changes what regular files have in them; absent where other things do */
  readonly steady?: boolean;
  /**
   * bytes that can be written for certain, each write to be counted with some pages more for what it needs
   * beside its data; absent where that is not known
   */
  readonly spareBytes?: number;
  /** the root directory, not held for the caller */
  readonly root: Inode;
  usage(): Blocking<Usage>;
  /** bytes of the disk that it is on, as it has them; how many, 0 at the end. Absent where it is on none. */
  readDisk?(offset: number, into: Uint8Array): Blocking<number>;
  /** everything durable */
  sync(): Blocking<void>;
  /** the inode of a number and generation, held for the caller. Errno ESTALE where it is not that one any more. */
  inode(ino: number, generation: number): Blocking<Inode>;
  /** whether `inode` finds all inodes that there are, whoever uses them */
  readonly findsInodes?: boolean;
  /** number of the running transaction, which the newest change belongs to; 0 without a journal */
  readonly transaction: number;
  /** newest transaction that is durable */
  readonly durable: number;
  /** newest transaction that was durable when it was mounted; absent without a journal */
  readonly recovered?: number;
  /** deletes what has no name and was not asked for by `inode` since the mount, where that was put off */
  dropOrphans?(): Coroutine<void>;
}
