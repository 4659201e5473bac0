// openat(2), openat2(2), close(2), pipe2(2), memfd_create(2): descriptors come and go.
import { type Blocking, type Coroutine, finish, isCoroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import type { FileDescription } from "../file/description.ts";
import type { Handlers } from "../handler.ts";
import { IN } from "../event/inotify.ts";
import { getLong } from "../little_endian.ts";
import { describe, openPlace } from "./open_path.ts";
import { openSpecial } from "./open_special.ts";
import { makePipe } from "../pipe/pipe.ts";
import type { Process } from "../process.ts";
import { RESOLVE, type Resolved, type Scope } from "./resolve.ts";
import { fcntlCalls } from "../file/sys_fcntl.ts";
import { inotifyCalls } from "../event/sys_inotify.ts";

/** Flags that matter only while opening. */
const OPENING = O.CREAT | O.EXCL | O.NOCTTY | O.TRUNC | O.CLOEXEC | O.DIRECTORY | O.NOFOLLOW;
/** What O_PATH goes with. */
const PATH_FLAGS = O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
const FASYNC = 0o20000;
/** Flags that there are; others are ignored by openat(2), and refused by openat2(2). */
const ALL_FLAGS = Object.values(O).reduce<number>((all, each) => all | each, FASYNC);
const MFD_CLOEXEC = 1;

function openat(
  process: Process,
  fd: number,
  path: string,
  flags: number,
  mode: number,
): Coroutine<number> {
  const known = (flags & O.PATH) !== 0 ? PATH_FLAGS : ALL_FLAGS;
  return open(process, fd, path, flags & known, mode & 0o7777, 0);
}

/** Those who watch what was opened, or made, are told. */
function tellOpened(process: Process, opened: Resolved, file: FileDescription, flags: number) {
  const { watches } = process.kernel.local;
  if (opened.made) watches.tell(IN.CREATE, opened, { selfToo: false });
  file.tellOpened();
  const cut = (flags & O.TRUNC) !== 0 && !opened.made && (opened.mode & S.IFMT) === S.IFREG;
  if (cut) watches.tell(IN.MODIFY, opened, { selfToo: true });
}

/** `struct open_how`: flags, mode, and what the walk may not do, 64 bits each. */
const HOW_BYTES = 24;
const MOST_HOW_BYTES = 4096;
const ALL_RESOLVE = Object.values(RESOLVE).reduce((all, each) => all | each, 0);

/** @param how as long as the program knows the structure; what is beyond ours must be zero */
function openat2(process: Process, fd: number, path: string, how: Uint8Array): Coroutine<number> {
  if (how.length < HOW_BYTES) fail(E.EINVAL);
  if (how.length > MOST_HOW_BYTES) fail(E.E2BIG);
  if (how.subarray(HOW_BYTES).some((byte) => byte !== 0)) fail(E.E2BIG);
  const flags = getLong(how, 0), mode = getLong(how, 8), refused = getLong(how, 16);
  if (!(flags >= 0 && flags < 2 ** 31) || (flags & ~ALL_FLAGS) !== 0) fail(E.EINVAL);
  if (!(refused >= 0 && refused <= ALL_RESOLVE)) fail(E.EINVAL);
  const makes = (flags & O.CREAT) !== 0 || (flags & O.TMPFILE) === O.TMPFILE;
  if (makes ? !(mode >= 0 && mode <= 0o7777) : mode !== 0) fail(E.EINVAL);
  const both = RESOLVE.BENEATH | RESOLVE.IN_ROOT;
  if ((refused & both) === both) fail(E.EINVAL);
  if ((flags & O.PATH) !== 0 && (flags & ~PATH_FLAGS) !== 0) fail(E.EINVAL);
  // What is in no cache has to be asked for: nobody may count on the opposite.
  if ((refused & RESOLVE.CACHED) !== 0) fail(E.EAGAIN);
  return open(process, fd, path, flags, mode, refused);
}

/** @param refused bits of `RESOLVE` */
function* open(
  process: Process,
  fd: number,
  path: string,
  flags: number,
  mode: number,
  refused: number,
): Coroutine<number> {
  if ((flags & O.ACCMODE) === O.ACCMODE) fail(E.EINVAL);
  const makes = O.CREAT | O.DIRECTORY;
  if ((flags & makes) === makes) fail(E.EINVAL);
  const absolute = path.startsWith("/") && (refused & RESOLVE.IN_ROOT) === 0;
  const start = absolute ? process.root : process.directory(fd);
  const confined = (refused & (RESOLVE.BENEATH | RESOLVE.IN_ROOT)) !== 0;
  const scope: Scope = { root: confined ? process.directory(fd) : process.root, refused };
  const opened = yield* openPlace(process, start, path, flags, mode, scope);
  return yield* addOpened(process, opened, flags, path);
}

/** Gives what was opened a descriptor. @param path as the process said it */
export function* addOpened(
  process: Process,
  opened: Resolved,
  flags: number,
  path: string,
): Coroutine<number> {
  const file = describe(process, opened, flags & ~OPENING, path);
  if ((flags & O.TRUNC) !== 0) file.changedFrom(0);
  let description = file;
  try {
    description = yield* openSpecial(process, file, flags);
    const fd = process.addDescription(description, (flags & O.CLOEXEC) !== 0);
    tellOpened(process, opened, description, flags);
    return fd;
  } catch (failure) {
    yield* description.release();
    throw failure;
  }
}

/** A file in memory that has no place in the tree (memfd_create(2)). */
function* memfdCreate(process: Process, name: string, flags: number): Coroutine<number> {
  const file = yield* process.kernel.local.anonymous.create(process, name, flags);
  try {
    return process.addDescription(file, (flags & MFD_CLOEXEC) !== 0);
  } catch (failure) {
    yield* file.release();
    throw failure;
  }
}

function close(process: Process, fd: number): Blocking<number> {
  const closed = process.close(fd);
  return isCoroutine(closed) ? endWithZero(closed) : 0;
}

function* endWithZero(work: Coroutine<void>): Coroutine<number> {
  yield* work;
  return 0;
}

const CLOSE_RANGE = { UNSHARE: 2, CLOEXEC: 4 } as const;

function* closeRange(
  process: Process,
  first: number,
  last: number,
  flags: number,
): Coroutine<number> {
  const known = CLOSE_RANGE.UNSHARE | CLOSE_RANGE.CLOEXEC;
  if (last < first || (flags & ~known) !== 0) fail(E.EINVAL);
  if ((flags & CLOSE_RANGE.UNSHARE) !== 0 && process.files.users > 1) {
    const own = process.files.fork();
    process.files.users--;
    process.files = own;
  }
  for (const fd of process.descriptors) {
    if (fd < first || fd > last) continue;
    if ((flags & CLOSE_RANGE.CLOEXEC) !== 0) process.setCloseOnExec(fd, true);
    else yield* finish(process.close(fd));
  }
  return 0;
}

/** @param out two descriptors, 32 bits each: read end, write end */
function pipe2(process: Process, out: Uint8Array, flags: number): number {
  if ((flags & ~(O.CLOEXEC | O.NONBLOCK | O.DIRECT)) !== 0) fail(E.EINVAL);
  const [reader, writer] = makePipe(flags & O.NONBLOCK);
  const view = new DataView(out.buffer, out.byteOffset);
  const closeOnExec = (flags & O.CLOEXEC) !== 0;
  const first = process.addDescription(reader, closeOnExec);
  try {
    view.setInt32(4, process.addDescription(writer, closeOnExec), true);
  } catch (failure) {
    process.close(first);
    throw failure;
  }
  view.setInt32(0, first, true);
  return 0;
}

export const openCalls: Handlers = {
  ...fcntlCalls,
  ...inotifyCalls,
  openat,
  openat2,
  close,
  close_range: closeRange,
  pipe2,
  memfd_create: memfdCreate,
};
