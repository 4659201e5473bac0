// What the primary's kernel asks of a file server. Calls that exist in Linux carry its riscv64 number,
// with handles of the server in place of descriptors and no position of their own; the rest are private.
// A handle names an inode in use. Names and paths are byte strings (one character a byte) at the start
// of the payload, with their length among the arguments; structures come back in the payload.

import { E, fail } from "../errno.ts";

/** Calls of Linux that file servers answer. Arguments in brackets, payload behind the colon. */
export const Call = {
  /** [handle, nameLength, size, XATTR flags]: in name, value */
  FSETXATTR: 7,
  /** [handle, nameLength, size]: in name, out value; status: its size, which alone is told for size 0 */
  FGETXATTR: 10,
  /** [handle, size]: out names, each with a zero; status: their size, which alone is told for size 0 */
  FLISTXATTR: 13,
  /** [handle, nameLength]: in name */
  FREMOVEXATTR: 16,
  /** [handle, command, owner, type, start, length]: out the lock that is in the way, three 64-bit words */
  FCNTL: 25,
  /** [handle, operation, owner] */
  FLOCK: 32,
  /** [parent, nameLength, mode, rdev]: in name, out identity */
  MKNODAT: 33,
  /** [parent, nameLength, mode]: in name, out identity */
  MKDIRAT: 34,
  /** [parent, nameLength, AT_REMOVEDIR or 0]: in name */
  UNLINKAT: 35,
  /** [parent, nameLength, targetLength]: in name, target; out identity */
  SYMLINKAT: 36,
  /** [handle, parent, nameLength]: in name */
  LINKAT: 37,
  /** [handle]: out `struct statfs` */
  FSTATFS: 44,
  /** [handle, size] */
  FTRUNCATE: 46,
  /** [handle, mode, offset, length] */
  FALLOCATE: 47,
  FCHMOD: 52,
  /** [handle, uid, gid], 2^32-1 for unchanged */
  FCHOWN: 55,
  CLOSE: 57,
  /** [handle, position]: out `struct linux_dirent64` records; status: their bytes */
  GETDENTS64: 61,
  /** [handle, offset, SEEK_DATA, SEEK_HOLE or SEEK_END] */
  LSEEK: 62,
  /** [handle, events]: waits until one is there; status: the events */
  PPOLL: 73,
  /** [handle, offset]: out data */
  PREAD64: 67,
  /** [handle, offset, 1 to append instead]: in data; status: bytes written */
  PWRITE64: 68,
  /** [handle]: out target, not terminated; status: its length */
  READLINKAT: 78,
  SYNC: 81,
  FSYNC: 82,
  FDATASYNC: 83,
  /** [handle, atimeSeconds, atimeNanoseconds, mtimeSeconds, mtimeNanoseconds], with UTIME_NOW and UTIME_OMIT */
  UTIMENSAT: 88,
  /** [handle, offset, bytes]: they will be wanted soon; answers before they are there */
  READAHEAD: 213,
  /** [oldParent, oldLength, newParent, newLength, flags]: in old name, new name */
  RENAMEAT2: 276,
  /** [handle]: out `struct statx` */
  STATX: 291,
  /** [handle, R_OK | W_OK | X_OK] */
  FACCESSAT2: 439,
} as const;

/** Calls that are not in Linux. */
export const Private = {
  /** does nothing: for measurements */
  NULL: 1024,
  /** [mount]: out identity; status: a handle of the root of the server's nth file system */
  ROOT: 1025,
  /**
   * [from, length, WalkFlag bits, links still allowed, root handle or -1, open flags and one, or 0]: in path, out
   * identity; with open flags, which do not truncate, the handle is an open file
   */
  WALK: 1026,
  /** [parent, nameLength, open flags, mode, umask]: in name, out identity; opens or makes the last name of a path */
  CREATE: 1027,
  /** [handle, open flags]: checks permissions and truncates: the handle is an open file from now on */
  OPEN: 1028,
  /** [handle, mount id]: what a walk that comes to it finds mounted; 0 takes it away */
  COVER: 1029,
  /** [mount, inode, generation, open flags]: a handle again after the server was restarted: out identity */
  REOPEN: 1030,
  /** newest transaction that was durable when the server started */
  RECOVERED: 1031,
  /** inodes without a name that nobody reopened may go */
  DROP_ORPHANS: 1032,
  /** [handle]: another use of it, to be closed as well */
  HOLD: 1033,
  /** [directory, open flags, mode, umask]: out identity; opens a new file that has no name (O_TMPFILE) */
  UNNAMED: 1034,
  /**
   * arguments of WALK but the last: in path, out `struct statx` of what it leads to, which gets no handle; status:
   * {@link STEADY_STAT} where nothing but calls of clients changes that, else 0
   */
  STAT: 1035,
  /** [handle]: status: its flags, as FS_IOC_GETFLAGS tells them */
  FLAGS: 1036,
  /** [handle, flags] */
  SET_FLAGS: 1037,
  /** [handle, inode, generation]: out identity; a handle on another inode of its file system */
  INODE: 1038,
  /** [handle, offset]: out bytes of the disk that its file system is on; fewer than there is room for at the end, or none */
  DISK_READ: 1039,
} as const;

export const WalkFlag = {
  /** follow a symbolic link at the end */
  FOLLOW: 1,
  /** the last name must be a directory */
  DIRECTORY: 2,
  /** stop before the last name: out also that name */
  PARENT: 4,
  NO_SYMLINKS: 8,
  /** ".." at the root is refused, and not the root again */
  BENEATH: 16,
  /** ".." at the root leaves the tree, as above the root of the file system */
  LEAVES: 32,
} as const;

export const STEADY_STAT = 1;

/** A walk that leaves the server's tree answers with this status, and where and what is left in the payload. */
export const CONTINUES = 0x4000_0000;

/** Why a walk goes on elsewhere. */
export const Leave = {
  /** ".." above the root of the file system */
  UP: 0,
  /** an absolute symbolic link */
  ABSOLUTE: 1,
  /** a directory that is covered by a mount, `mount` */
  MOUNT: 2,
  /** a relative symbolic link as the last name of CREATE: goes on from the parent */
  LINK: 3,
  /** a link that stands for a place: `mount` is the number that the primary gave it */
  PLACE: 4,
} as const;

/** Payload that a call with a path needs: a path, what a link makes of it, and the words before it. */
export const WALK_PAYLOAD_BYTES = 32 + 2 * 4096;
export const PATH_MAX = 4096;
export const NAME_MAX = 255;
export const SYMLINKS_MAX = 40;

/** What the payload of WALK, CREATE, ROOT, INODE and REOPEN says about the handle: eight 32-bit words, then text. */
export interface WalkResult {
  mount: number;
  ino: number;
  generation: number;
  /** file type and permissions */
  mode: number;
  /** CREATE: whether the file was made; WALK with PARENT: whether a slash follows the name */
  flag: boolean;
  /** it is a regular file whose content nothing but calls of clients changes: they may keep what they read */
  steady: boolean;
  /** a write to it that the server has room for (`spareBytes`) fails only where the disk does */
  takesWrites: boolean;
  /** WALK: the last name that led there; with PARENT, the one that is left */
  name: string;
  /** WALK without PARENT: the directory that has the name; inode 0 where none was passed */
  above: { ino: number; generation: number };
}

/** No directory was passed on the way. */
export const NOWHERE = { ino: 0, generation: 0 } as const;

export interface Continuation {
  reason: number;
  mount: number;
  linksLeft: number;
  rest: string;
}

const TEXT_OFFSET = 32;
/** Bits of the fifth word of a walk result. */
const FLAG = 1, STEADY = 2, TAKES_WRITES = 4;
/** Bytes of a walk result without its name. */
export const WALK_RESULT_BYTES = TEXT_OFFSET;

/** Writes a byte string into bytes. @returns its length */
export function putBytes(text: string, into: Uint8Array, offset = 0): number {
  for (let index = 0; index < text.length; index++) into[offset + index] = text.charCodeAt(index);
  return text.length;
}

/** The byte string of a piece of bytes; reads each byte once. */
export function getBytes(bytes: Uint8Array, offset: number, length: number): string {
  let text = "";
  for (let index = 0; index < length; index++) text += String.fromCharCode(bytes[offset + index]);
  return text;
}

/** A JavaScript string as a byte string of its UTF-8 form. */
export function toByteString(text: string): string {
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  const bytes = new TextEncoder().encode(text);
  return getBytes(bytes, 0, bytes.length);
}

/** The JavaScript string of a byte string that holds UTF-8. */
export function fromByteString(text: string): string {
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  return new TextDecoder().decode(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

function words(payload: Uint8Array): DataView {
  return new DataView(payload.buffer, payload.byteOffset, payload.length);
}

export function putWalkResult(payload: Uint8Array, result: WalkResult): void {
  if (payload.length < TEXT_OFFSET + result.name.length) return;
  const view = words(payload);
  view.setUint32(0, result.mount, true);
  view.setUint32(4, result.ino, true);
  view.setUint32(8, result.generation, true);
  view.setUint32(12, result.mode, true);
  const { flag, steady, takesWrites } = result;
  const bits = (flag ? FLAG : 0) | (steady ? STEADY : 0) | (takesWrites ? TAKES_WRITES : 0);
  view.setUint32(16, bits, true);
  view.setUint32(20, putBytes(result.name, payload, TEXT_OFFSET), true);
  view.setUint32(24, result.above.ino, true);
  view.setUint32(28, result.above.generation, true);
}

export function getWalkResult(payload: Uint8Array): WalkResult {
  const view = words(payload);
  return {
    mount: view.getUint32(0, true),
    ino: view.getUint32(4, true),
    generation: view.getUint32(8, true),
    mode: view.getUint32(12, true),
    flag: (view.getUint32(16, true) & FLAG) !== 0,
    steady: (view.getUint32(16, true) & STEADY) !== 0,
    takesWrites: (view.getUint32(16, true) & TAKES_WRITES) !== 0,
    name: getBytes(payload, TEXT_OFFSET, Math.min(view.getUint32(20, true), NAME_MAX)),
    above: { ino: view.getUint32(24, true), generation: view.getUint32(28, true) },
  };
}

/** @throws Errno EFAULT where the rest of the path does not fit */
export function putContinuation(payload: Uint8Array, continuation: Continuation): void {
  if (payload.length < TEXT_OFFSET + continuation.rest.length) fail(E.EFAULT);
  const view = words(payload);
  view.setUint32(0, continuation.reason, true);
  view.setUint32(4, continuation.mount, true);
  view.setUint32(8, continuation.linksLeft, true);
  view.setUint32(12, putBytes(continuation.rest, payload, TEXT_OFFSET), true);
}

/** Bytes of a payload that say where a walk goes on. */
export function continuationBytes(payload: Uint8Array): number {
  return Math.min(TEXT_OFFSET + words(payload).getUint32(12, true), payload.length);
}

export function getContinuation(payload: Uint8Array): Continuation {
  const view = words(payload);
  return {
    reason: view.getUint32(0, true),
    mount: view.getUint32(4, true),
    linksLeft: view.getUint32(8, true),
    rest: getBytes(
      payload,
      TEXT_OFFSET,
      Math.min(view.getUint32(12, true), payload.length - TEXT_OFFSET),
    ),
  };
}
