// Calls on one open file or inode: attributes, size, directories' contents, locks, durability.
import { type Coroutine, finish } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { ServiceCall } from "../service.ts";
import { ACCESS, F, FALLOC, FL, LOCK, POLL, SEEK, UTIME_NOW, UTIME_OMIT } from "./constants.ts";
import { type Inode, S } from "./filesystem.ts";
import type { RangeLock } from "./locks.ts";
import { allowedMode, demand, demandChown, demandOwner, demandUnmarked } from "./permission.ts";
import { Call, putBytes } from "./protocol.ts";
import { putDirent, putStatfs, putStatx, STATFS_BYTES, STATX_BYTES } from "./structures.ts";
import { type FileCall, type FileServer, offsetArgument } from "./vfs.ts";
import { isDirectory, isSymlink } from "./walk.ts";

/** flock(2) locks have owners of their own, apart from those of fcntl(2). */
const FLOCK_OWNERS = 2 ** 40;
const UNCHANGED = 0xffff_ffff;
/** Flags of a file whose attributes stay as they are. */
const MARKS = FL.IMMUTABLE | FL.APPEND;

function room(call: ServiceCall, bytes: number): Uint8Array {
  if (call.payload.length < bytes) fail(E.EFAULT);
  return call.payload.subarray(0, bytes);
}

/** Answers with the attributes of an inode. @throws Errno EFAULT where there is no room for them */
export function putStatxOf(inode: Inode, call: ServiceCall): void {
  const { attributes, ino, filesystem: { device }, flags } = inode;
  putStatx(room(call, STATX_BYTES).fill(0), attributes, ino, device, flags);
}

function* statx(server: FileServer, call: ServiceCall): Coroutine<number> {
  putStatxOf(server.handles.get(call.args[0]).inode, call);
  return 0;
}

function* statfs(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode } = server.handles.get(call.args[0]);
  const usage = yield* finish(inode.filesystem.usage());
  putStatfs(room(call, STATFS_BYTES).fill(0), usage);
  return 0;
}

function* getdents(server: FileServer, call: ServiceCall): Coroutine<number> {
  const handle = server.handles.get(call.args[0]);
  const { inode } = handle;
  if (!isDirectory(inode)) fail(E.ENOTDIR);
  if (!handle.readable) fail(E.EBADF);
  // Positions 0 and 1 are "." and ".."; the file system's own begin at 2.
  const position = offsetArgument(call.args[1]);
  let filled = 0, refused = false;
  const emit = (ino: number, next: number, type: number, name: string): boolean => {
    const length = putDirent(call.payload, filled, ino, next, type, name);
    refused ||= length === 0;
    filled += length;
    return length > 0;
  };
  const directory = 4;
  if (position < 1 && !emit(inode.ino, 1, directory, ".")) fail(E.EINVAL);
  if (position < 2 && !refused) {
    const parent = yield* finish(inode.parent());
    const fits = emit(parent.ino, 2, directory, "..");
    yield* finish(parent.release());
    if (!fits) return filled;
  }
  yield* finish(
    inode.list(
      Math.max(0, position - 2),
      (entry) => emit(entry.ino, entry.next + 2, entry.type, entry.name),
    ),
  );
  if (filled === 0 && refused) fail(E.EINVAL);
  return filled;
}

function* ftruncate(server: FileServer, call: ServiceCall): Coroutine<number> {
  const handle = server.handles.get(call.args[0]);
  if (isDirectory(handle.inode)) fail(handle.readable ? E.EINVAL : E.EISDIR);
  if ((handle.inode.attributes.mode & S.IFMT) !== S.IFREG) fail(E.EINVAL);
  if (!handle.writable) {
    if (handle.readable) fail(E.EINVAL);
    demand(handle.inode, call.credential, ACCESS.WRITE);
  }
  demandUnmarked(handle.inode, MARKS);
  yield* finish(handle.inode.truncate(offsetArgument(call.args[1])));
  return 0;
}

function* fallocate(server: FileServer, call: ServiceCall): Coroutine<number> {
  const handle = server.handles.get(call.args[0]);
  const [, mode, offset, length] = Array.from(call.args);
  if (!(offset >= 0) || !(length > 0)) fail(E.EINVAL);
  if (!handle.writable) fail(E.EBADF);
  if ((handle.inode.attributes.mode & S.IFMT) !== S.IFREG) fail(E.ENODEV);
  const keepSize = (mode & FALLOC.KEEP_SIZE) !== 0;
  demandUnmarked(handle.inode, (mode & ~FALLOC.KEEP_SIZE) !== 0 ? MARKS : FL.IMMUTABLE);
  switch (mode & ~FALLOC.KEEP_SIZE) {
    case 0:
      yield* finish(handle.inode.allocate("allocate", offset, length, keepSize));
      return 0;
    case FALLOC.PUNCH_HOLE:
      if (!keepSize) fail(E.EOPNOTSUPP);
      yield* finish(handle.inode.allocate("punch-hole", offset, length, true));
      return 0;
    case FALLOC.ZERO_RANGE:
      yield* finish(handle.inode.allocate("zero-range", offset, length, keepSize));
      return 0;
    default:
      return fail(E.EOPNOTSUPP);
  }
}

function* lseek(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode } = server.handles.get(call.args[0]);
  const [, offset, whence] = Array.from(call.args);
  const size = inode.attributes.sizeBytes;
  if (whence === SEEK.END) {
    if (size + offset < 0) fail(E.EINVAL);
    return size + offset;
  }
  if (whence !== SEEK.DATA && whence !== SEEK.HOLE) fail(E.EINVAL);
  if (!(offset >= 0) || offset >= size) fail(E.ENXIO);
  const found = yield* finish(inode.seek(offset, whence === SEEK.DATA ? "data" : "hole"));
  return found < 0 ? fail(E.ENXIO) : found;
}

function* readlink(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode } = server.handles.get(call.args[0]);
  if (!isSymlink(inode)) fail(E.EINVAL);
  const target = yield* finish(inode.readlink(call.credential));
  return putBytes(target.slice(0, call.payload.length), call.payload);
}

function* chmod(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode } = server.handles.get(call.args[0]);
  demandUnmarked(inode, MARKS);
  demandOwner(inode.attributes, call.credential);
  if (isSymlink(inode)) fail(E.EOPNOTSUPP);
  const type = inode.attributes.mode & S.IFMT;
  yield* finish(
    inode.setAttributes({
      mode: type | allowedMode(inode.attributes, call.credential, call.args[1]),
    }),
  );
  return 0;
}

function* chown(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode } = server.handles.get(call.args[0]);
  const { attributes } = inode;
  const uid = call.args[1] === UNCHANGED || call.args[1] === -1 ? attributes.uid : call.args[1];
  const gid = call.args[2] === UNCHANGED || call.args[2] === -1 ? attributes.gid : call.args[2];
  demandUnmarked(inode, MARKS);
  demandChown(attributes, call.credential, uid, gid);
  // Changing the owner of a program takes its set-id bits away, unless it is a directory.
  const mode = isDirectory(inode)
    ? attributes.mode
    : attributes.mode & ~(S.ISUID | ((attributes.mode & 0o010) !== 0 ? S.ISGID : 0));
  yield* finish(inode.setAttributes({ uid, gid, mode }));
  return 0;
}

function* utimens(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode } = server.handles.get(call.args[0]);
  const [, atime, atimeNs, mtime, mtimeNs] = Array.from(call.args);
  const now = server.environment.realtimeNs();
  const time = (seconds: number, nanoseconds: number): bigint | undefined => {
    if (nanoseconds === UTIME_OMIT) return undefined;
    if (nanoseconds === UTIME_NOW) return now;
    if (!(nanoseconds >= 0 && nanoseconds < 1e9)) fail(E.EINVAL);
    return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  };
  const change = { atimeNs: time(atime, atimeNs), mtimeNs: time(mtime, mtimeNs) };
  if (change.atimeNs === undefined && change.mtimeNs === undefined) return 0;
  const isTouch = atimeNs === UTIME_NOW && mtimeNs === UTIME_NOW;
  demandUnmarked(inode, isTouch ? FL.IMMUTABLE : MARKS);
  const { uid } = call.credential;
  if (uid !== 0 && uid !== inode.attributes.uid) {
    if (!isTouch) fail(E.EPERM);
    demand(inode, call.credential, ACCESS.WRITE);
  }
  yield* finish(inode.setAttributes({
    ...(change.atimeNs !== undefined && { atimeNs: change.atimeNs }),
    ...(change.mtimeNs !== undefined && { mtimeNs: change.mtimeNs }),
  }));
  return 0;
}

function sync(dataOnly: boolean): FileCall {
  return function* (server, call) {
    yield* finish(server.handles.get(call.args[0]).inode.sync(dataOnly));
    return 0;
  };
}

function* readAhead(server: FileServer, { args }: ServiceCall): Coroutine<number> {
  const [handle, offset, bytes] = [args[0], args[1], args[2]];
  const { inode, readable } = server.handles.get(handle);
  if (!readable) fail(E.EBADF);
  if (isDirectory(inode) || !(offset >= 0 && bytes >= 0)) fail(E.EINVAL);
  if (inode.readAhead !== undefined) yield* finish(inode.readAhead(offset, bytes));
  return 0;
}

function* syncAll(server: FileServer): Coroutine<number> {
  for (const filesystem of server.filesystems) yield* finish(filesystem.sync());
  return 0;
}

function* access(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode } = server.handles.get(call.args[0]);
  if ((call.args[1] & ~7) !== 0) fail(E.EINVAL);
  if ((call.args[1] & ACCESS.WRITE) !== 0 && inode.filesystem.readOnly) fail(E.EROFS);
  demand(inode, call.credential, call.args[1]);
  return 0;
}

function fcntlLock(server: FileServer, call: ServiceCall): number {
  const handle = server.handles.get(call.args[0]);
  const [, command, owner, type, start, length] = Array.from(call.args);
  if (type !== F.RDLCK && type !== F.WRLCK && type !== F.UNLCK) fail(E.EINVAL);
  if (!(start >= 0 && length >= 0)) fail(E.EINVAL);
  const end = length === 0 ? Infinity : start + length;
  const wanted: RangeLock = { owner, exclusive: type === F.WRLCK, start, end };
  if (command === F.GETLK) {
    const held = server.locks.test(handle.inode, wanted);
    const out = new DataView(room(call, 32).buffer, call.payload.byteOffset, 32);
    out.setUint32(0, held === undefined ? F.UNLCK : held.exclusive ? F.WRLCK : F.RDLCK, true);
    out.setBigInt64(8, BigInt(held?.start ?? start), true);
    out.setBigInt64(
      16,
      BigInt(held === undefined || held.end === Infinity ? 0 : held.end - held.start),
      true,
    );
    out.setBigInt64(24, BigInt(held?.owner ?? 0), true);
    return 0;
  }
  if (command !== F.SETLK) fail(E.EINVAL);
  if (type === F.RDLCK && !handle.readable || type === F.WRLCK && !handle.writable) fail(E.EBADF);
  server.locks.set(handle.inode, type, wanted);
  return 0;
}

function flock(server: FileServer, call: ServiceCall): number {
  const { inode } = server.handles.get(call.args[0]);
  const operation = call.args[1];
  if (operation !== LOCK.SH && operation !== LOCK.EX && operation !== LOCK.UN) fail(E.EINVAL);
  const type = operation === LOCK.SH ? F.RDLCK : operation === LOCK.EX ? F.WRLCK : F.UNLCK;
  const owner = FLOCK_OWNERS + call.args[2];
  // A flock of a file is one on its last possible byte: byte ranges never reach there.
  const wanted: RangeLock = {
    owner,
    exclusive: type === F.WRLCK,
    start: Number.MAX_SAFE_INTEGER,
    end: Infinity,
  };
  server.locks.set(flockKey(inode), type, wanted);
  return 0;
}

const flockKeys = new WeakMap<object, object>();

/** flock and fcntl locks do not see each other: a file has a second identity for flock. */
function flockKey(inode: object): object {
  let key = flockKeys.get(inode);
  if (key === undefined) flockKeys.set(inode, key = {});
  return key;
}

/** Waits for readiness: the level now if it is there, else the edge. */
/** @returns what it is ready for, once it is; 0 where it never will be */
function* poll(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode } = server.handles.get(call.args[0]);
  const always = POLL.ERR | POLL.HUP | POLL.NVAL;
  for (;;) {
    const ready = (inode.poll?.() ?? POLL.IN | POLL.OUT) & (call.args[1] | always);
    if (ready !== 0 || inode.readiness === undefined) return ready;
    yield inode.readiness;
  }
}

export const fileCalls: Record<number, FileCall> = {
  [Call.STATX]: statx,
  [Call.FSTATFS]: statfs,
  [Call.GETDENTS64]: getdents,
  [Call.FTRUNCATE]: ftruncate,
  [Call.FALLOCATE]: fallocate,
  [Call.LSEEK]: lseek,
  [Call.READLINKAT]: readlink,
  [Call.FCHMOD]: chmod,
  [Call.FCHOWN]: chown,
  [Call.UTIMENSAT]: utimens,
  [Call.FSYNC]: sync(false),
  [Call.FDATASYNC]: sync(true),
  [Call.SYNC]: syncAll,
  [Call.READAHEAD]: readAhead,
  [Call.FACCESSAT2]: access,
  [Call.FCNTL]: fcntlLock,
  [Call.FLOCK]: flock,
  [Call.PPOLL]: poll,
};
