// What ioctl(2) asks of files and directories: their flags, alone (FS_IOC_GETFLAGS(2const)) and as `struct fsxattr`
// (FS_IOC_FSGETXATTR(2const)), and the generation of their inode.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { FL, O } from "../../vfs/constants.ts";
import { Private } from "../../vfs/protocol.ts";
import type { FileDescription } from "./description.ts";
import { getInt, putInt } from "../little_endian.ts";

const GETFLAGS = 0x8008_6601, SETFLAGS = 0x4008_6602, GETVERSION = 0x8008_7601;
const FSGETXATTR = 0x801c_581f, FSSETXATTR = 0x401c_5820;
/** Where `struct fsxattr` has hints for extents and the project, which are not kept: 0. */
const NOT_KEPT = [4, 12, 16];
/** Flags of files, and how `fsx_xflags` has them. */
const XFLAGS: readonly [flag: number, xflag: number][] = [
  [FL.SYNC, 0x20],
  [FL.IMMUTABLE, 0x8],
  [FL.APPEND, 0x10],
  [FL.NODUMP, 0x80],
  [FL.NOATIME, 0x40],
];

/** @param bytes what the argument points to @throws Errno ENOTTY, EBADF, EPERM, EROFS, EOPNOTSUPP */
export function fileRequest(
  file: FileDescription,
  request: number,
  bytes: Uint8Array,
): Blocking<number> {
  switch (request) {
    case GETFLAGS:
    case GETVERSION:
    case FSGETXATTR:
      return tell(file, request, bytes);
    case SETFLAGS:
      return set(file, () => getInt(bytes, 0));
    case FSSETXATTR:
      return set(file, (flags) => fromXflags(flags, bytes));
    default:
      return fail(E.ENOTTY);
  }
}

function* tell(file: FileDescription, request: number, out: Uint8Array): Coroutine<number> {
  const flags = yield* flagsOf(file);
  if (request === FSGETXATTR) putInt(out.fill(0), 0, toXflags(flags));
  else putInt(out, 0, request === GETFLAGS ? flags : file.origin.generation);
  return 0;
}

function* set(file: FileDescription, change: (flags: number) => number): Coroutine<number> {
  const flags = change(yield* flagsOf(file));
  return yield* finish(file.call(Private.SET_FLAGS, [flags >>> 0]));
}

/** Whether a file may be written to at its end alone. */
export function* onlyGrows(file: FileDescription): Coroutine<boolean> {
  try {
    return ((yield* flagsOf(file)) & FL.APPEND) !== 0;
  } catch (failure) {
    if (failure instanceof Errno && failure.errno === E.ENOTTY) return false;
    throw failure;
  }
}

/** The flags of an open file. @throws Errno ENOTTY where it has none */
function* flagsOf(file: FileDescription): Coroutine<number> {
  if ((file.flags & O.PATH) !== 0) fail(E.EBADF);
  const flags = yield* finish(file.call(Private.FLAGS, []));
  return flags < 0 ? fail(-flags) : flags;
}

function toXflags(flags: number): number {
  return XFLAGS.reduce((all, [flag, xflag]) => (flags & flag) !== 0 ? all | xflag : all, 0);
}

/** Flags that `struct fsxattr` does not know stay as they are. */
function fromXflags(flags: number, bytes: Uint8Array): number {
  let rest = getInt(bytes, 0);
  for (const [flag, xflag] of XFLAGS) {
    flags = (rest & xflag) !== 0 ? flags | flag : flags & ~flag;
    rest &= ~xflag;
  }
  if (rest !== 0 || NOT_KEPT.some((at) => getInt(bytes, at) !== 0)) fail(E.EOPNOTSUPP);
  return flags;
}
