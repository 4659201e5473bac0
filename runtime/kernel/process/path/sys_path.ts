// Calls that take a path: each walks to its file or directory first, then asks the server there.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Credential } from "../../service.ts";
import { AT, UTIME_NOW, UTIME_OMIT } from "../../vfs/constants.ts";
import { Call, WalkFlag } from "../../vfs/protocol.ts";
import { putMount, statFromStatx, STATFS_BYTES, STATX_BYTES } from "../../vfs/structures.ts";
import type { Handlers } from "../handler.ts";
import { getLong } from "../little_endian.ts";
import { close, request } from "./mounts.ts";
import { Process } from "../process.ts";
import { at } from "./at.ts";
import { attributesOf, resolve, type Resolved } from "./resolve.ts";
import { attributeCalls } from "./sys_attribute.ts";
import { descriptorAttributes } from "../file/descriptor_attributes.ts";
import { directoryPath } from "./directory_path.ts";
import { demandSize, isLimited } from "../file/file_size_limit.ts";
import { nameCalls } from "./sys_name.ts";
import { eventOf } from "../event/watches.ts";

/** A call on the file that a path leads to. */
function* onFile(
  process: Process,
  fd: number,
  path: string,
  flags: number,
  number: number,
  args: number[],
  payload?: Uint8Array,
  credential: Credential = process.credential,
): Coroutine<number> {
  if (path === "" && (flags & AT.EMPTY_PATH) !== 0) {
    if (fd !== AT.FDCWD) return yield* finish(process.file(fd).call(number, args, payload));
    return yield* request(
      process.cwd.mount.service,
      number,
      [process.cwd.handle, ...args],
      payload,
      credential,
    );
  }
  const follow = (flags & AT.SYMLINK_NOFOLLOW) !== 0 ? 0 : WalkFlag.FOLLOW;
  return yield* at(process, fd, path, follow, function* (found) {
    const handles = [found.handle, ...args];
    const status = yield* request(found.mount.service, number, handles, payload, credential);
    const event = eventOf(number, status);
    if (event !== 0) process.kernel.local.watches.tell(event, found, { selfToo: true });
    return status;
  });
}

function* readlinkat(
  process: Process,
  fd: number,
  path: string,
  into: Uint8Array,
): Coroutine<number> {
  if (into.length === 0) fail(E.EINVAL);
  const target = new Uint8Array(4096);
  const length = yield* onFile(
    process,
    fd,
    path,
    AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH,
    Call.READLINKAT,
    [],
    target,
  );
  const count = Math.min(length, into.length);
  into.set(target.subarray(0, count));
  return count;
}

const STATX_RESERVED = 0x8000_0000;
const AT_STATX = { NO_AUTOMOUNT: 0x800, SYNC_TYPE: 0x6000 } as const;
const STAT_FLAGS = AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH | AT_STATX.NO_AUTOMOUNT;
const STATX_FLAGS = STAT_FLAGS | AT_STATX.SYNC_TYPE;

/** What a path leads to is asked for in one call with the walk. @returns `struct statx` */
function* stat(process: Process, fd: number, path: string, flags: number): Coroutine<Uint8Array> {
  if (path === "" && (flags & AT.EMPTY_PATH) !== 0) {
    if (fd !== AT.FDCWD) return yield* descriptorAttributes(process, fd);
    const structure = new Uint8Array(STATX_BYTES);
    const { mount, handle } = process.cwd;
    yield* request(mount.service, Call.STATX, [handle], structure);
    putMount(structure, mount);
    return structure;
  }
  const start = path.startsWith("/") ? process.root : process.directory(fd);
  const follow = (flags & AT.SYMLINK_NOFOLLOW) !== 0 ? 0 : WalkFlag.FOLLOW;
  return yield* attributesOf(process, start, path, follow);
}

/** Attributes are always all there, whatever the mask asks for. */
function* statx(
  process: Process,
  fd: number,
  path: string,
  flags: number,
  mask: number,
  out: Uint8Array,
): Coroutine<number> {
  if ((mask & STATX_RESERVED) !== 0 || (flags & ~STATX_FLAGS) !== 0) fail(E.EINVAL);
  if ((flags & AT_STATX.SYNC_TYPE) === AT_STATX.SYNC_TYPE) fail(E.EINVAL);
  out.set(yield* stat(process, fd, path, flags));
  return 0;
}

function* newfstatat(
  process: Process,
  fd: number,
  path: string,
  out: Uint8Array,
  flags: number,
): Coroutine<number> {
  if ((flags & ~STAT_FLAGS) !== 0) fail(E.EINVAL);
  statFromStatx(yield* stat(process, fd, path, flags), out);
  return 0;
}

function* statfs(process: Process, path: string, out: Uint8Array): Coroutine<number> {
  const structure = new Uint8Array(STATFS_BYTES);
  const status = yield* onFile(process, AT.FDCWD, path, 0, Call.FSTATFS, [], structure);
  out.set(structure);
  return status;
}

/**
 * @param path undefined for the file that `fd` is of
 * @param times two `struct timespec`: of access and of modification; undefined for now
 */
function* utimensat(
  process: Process,
  fd: number,
  path: string | undefined,
  times: Uint8Array | undefined,
  flags: number,
): Coroutine<number> {
  if ((flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0) fail(E.EINVAL);
  if (path === undefined && (flags !== 0 || fd === AT.FDCWD)) {
    fail(flags !== 0 ? E.EINVAL : E.EFAULT);
  }
  const args = times === undefined
    ? [0, UTIME_NOW, 0, UTIME_NOW]
    : [0, 8, 16, 24].map((at) => getLong(times, at));
  // Nothing is to be changed: not even the file has to be there.
  if (args[1] === UTIME_OMIT && args[3] === UTIME_OMIT) return 0;
  const way = path === undefined ? AT.EMPTY_PATH : flags;
  return yield* onFile(process, fd, path ?? "", way, Call.UTIMENSAT, args);
}

/** Asks as who the process really is, unless told otherwise: set-user-id programs want to know. */
function access(
  process: Process,
  fd: number,
  path: string,
  mode: number,
  flags: number,
): Coroutine<number> {
  if ((flags & ~(AT.EACCESS | AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0) fail(E.EINVAL);
  const { ruid, rgid } = process.identity;
  const really = { ...process.credential, uid: ruid, gid: rgid };
  const credential = (flags & AT.EACCESS) !== 0 ? process.credential : really;
  return onFile(process, fd, path, flags, Call.FACCESSAT2, [mode], undefined, credential);
}

/** A directory that the process may work in. @throws Errno EACCES */
function* enterable(process: Process, path: string): Coroutine<Resolved> {
  const found = yield* resolve(process, process.cwd, path, WalkFlag.FOLLOW | WalkFlag.DIRECTORY);
  const { service } = found.mount;
  try {
    yield* request(service, Call.FACCESSAT2, [found.handle, 1], undefined, process.credential);
  } catch (failure) {
    yield* close(found);
    throw failure;
  }
  return found;
}

function* chdir(process: Process, path: string): Coroutine<number> {
  const found = yield* enterable(process, path);
  const old = process.cwd;
  process.cwd = { mount: found.mount, handle: found.handle };
  yield* close(old);
  return 0;
}

function* fchdir(process: Process, fd: number): Coroutine<number> {
  const place = yield* Process.hold(process.directory(fd));
  const old = process.cwd;
  process.cwd = place;
  yield* close(old);
  return 0;
}

/** Where paths begin from now on (chroot(2)); the working directory stays where it is, outside or not. */
function* chroot(process: Process, path: string): Coroutine<number> {
  const found = yield* enterable(process, path);
  if (process.credential.uid !== 0) {
    yield* close(found);
    fail(E.EPERM);
  }
  const old = process.root;
  process.directories.root = { mount: found.mount, handle: found.handle };
  yield* close(old);
  return 0;
}

function chmodat(
  process: Process,
  fd: number,
  path: string,
  mode: number,
  flags: number,
): Coroutine<number> {
  if ((flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0) fail(E.EINVAL);
  return onFile(process, fd, path, flags, Call.FCHMOD, [mode & 0o7777]);
}

function* getcwd(process: Process, into: Uint8Array): Coroutine<number> {
  const text = yield* directoryPath(process, process.cwd);
  if (text.length + 1 > into.length) fail(E.ERANGE);
  for (let index = 0; index < text.length; index++) into[index] = text.charCodeAt(index);
  into[text.length] = 0;
  return text.length + 1;
}

export const pathCalls: Handlers = {
  ...nameCalls,
  ...attributeCalls,
  readlinkat,
  statx,
  newfstatat,
  statfs,
  utimensat,
  chdir,
  fchdir,
  getcwd,
  truncate: (process: Process, path: string, size: number) => truncate(process, path, size),
  faccessat: (process: Process, fd: number, path: string, mode: number) =>
    access(process, fd, path, mode, 0),
  faccessat2: access,
  fchmodat2: chmodat,
  chroot,
  fchmodat: (process: Process, fd: number, path: string, mode: number) =>
    onFile(process, fd, path, 0, Call.FCHMOD, [mode]),
  fchownat: (process: Process, fd: number, path: string, uid: number, gid: number, flags: number) =>
    onFile(process, fd, path, flags, Call.FCHOWN, [uid, gid]),
};

function* truncate(process: Process, path: string, size: number): Coroutine<number> {
  if (isLimited(process)) demandSize(process, size);
  return yield* onFile(process, AT.FDCWD, path, 0, Call.FTRUNCATE, [size]);
}
