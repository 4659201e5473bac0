// What the calls of native programs take and give, and the structures of Linux that these travel in.
import { S } from "../../kernel/vfs/filesystem.ts";
import { fromByteString } from "../../kernel/vfs/protocol.ts";

/** What stat says. Times are milliseconds since 1970. */
export interface Stat {
  /** number of the inode */
  ino: number;
  /** type and permissions, as in `st_mode` */
  mode: number;
  /** names that it has */
  links: number;
  /** its user */
  uid: number;
  /** its group */
  gid: number;
  /** in bytes */
  size: number;
  /** of 512 bytes, as they are taken on the disk */
  blocks: number;
  /** when it was last read, as far as the file system keeps that */
  atimeMs: number;
  /** when its content was last changed */
  mtimeMs: number;
  /** when anything of it was last changed */
  ctimeMs: number;
  /** whether it is a regular file */
  isFile: boolean;
  /** whether it is a directory */
  isDirectory: boolean;
  /** whether it is a symbolic link; only `lstat` finds those */
  isSymlink: boolean;
}

/** A name in a directory. */
export interface Entry {
  /** one component of a path */
  name: string;
  /** number of the inode it names */
  ino: number;
  /** as `d_type` has it: 4 a directory, 8 a regular file, 10 a symbolic link */
  type: number;
}

/** One descriptor of a poll; `revents` is filled in. */
export interface PollEntry {
  /** the descriptor; a negative one is passed over */
  fd: number;
  /** what is waited for: bits of `POLL` */
  events: number;
  /** what is so */
  revents: number;
}

/** A `struct timespec` of a duration. */
export function timespec(ms: number): Uint8Array {
  const time = new Uint8Array(16);
  const view = new DataView(time.buffer);
  view.setBigInt64(0, BigInt(Math.floor(ms / 1e3)), true);
  view.setBigInt64(8, BigInt(Math.floor(ms % 1e3 * 1e6)), true);
  return time;
}

/** A `struct timespec` of a time. @param time in seconds since 1970 */
export function timeOf(time: number): Uint8Array {
  const out = new Uint8Array(16), view = new DataView(out.buffer);
  const seconds = Math.floor(time);
  view.setBigInt64(0, BigInt(seconds), true);
  view.setBigInt64(8, BigInt(Math.floor((time - seconds) * 1e9)), true);
  return out;
}

/** What `struct stat` says. */
export function decodeStat(out: Uint8Array): Stat {
  const view = new DataView(out.buffer, out.byteOffset);
  const time = (at: number) =>
    Number(view.getBigInt64(at, true)) * 1e3 + Number(view.getBigInt64(at + 8, true)) / 1e6;
  const mode = view.getUint32(16, true);
  return {
    ino: Number(view.getBigUint64(8, true)),
    mode,
    links: view.getUint32(20, true),
    uid: view.getUint32(24, true),
    gid: view.getUint32(28, true),
    size: Number(view.getBigInt64(48, true)),
    blocks: Number(view.getBigInt64(64, true)),
    atimeMs: time(72),
    mtimeMs: time(88),
    ctimeMs: time(104),
    isFile: (mode & S.IFMT) === S.IFREG,
    isDirectory: (mode & S.IFMT) === S.IFDIR,
    isSymlink: (mode & S.IFMT) === S.IFLNK,
  };
}

/** The names of `struct linux_dirent64` records, without "." and "..". */
export function decodeEntries(records: Uint8Array): Entry[] {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  const entries: Entry[] = [];
  for (let at = 0; at < records.length; at += view.getUint16(at + 16, true)) {
    let end = at + 19;
    while (records[end] !== 0) end++;
    const name = fromByteString(String.fromCharCode(...records.subarray(at + 19, end)));
    if (name === "." || name === "..") continue;
    entries.push({ name, ino: Number(view.getBigUint64(at, true)), type: records[at + 18] });
  }
  return entries;
}
