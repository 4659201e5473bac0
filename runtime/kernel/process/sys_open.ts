// openat(2), close(2), dup(2), fcntl(2), pipe2(2): descriptors come and go.
import { type Blocking, type Coroutine, finish, isCoroutine } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import { F, LOCK, O } from "../vfs/constants.ts";
import {
  Call,
  CONTINUES,
  getContinuation,
  getWalkResult,
  PATH_MAX,
  Private,
  SYMLINKS_MAX,
  WalkFlag,
} from "../vfs/protocol.ts";
import { FileDescription, lockOwner, makePipe } from "./description.ts";
import type { Handlers } from "./handler.ts";
import { type Location, request, textPayload } from "./mounts.ts";
import type { Process } from "./process.ts";
import { TtyDescription } from "./tty.ts";
import { proceed, resolve, type Resolved } from "./resolve.ts";

/** Leads to whatever controls the session of the process that opens it (tty(4)). */
const CONTROLLING_TERMINAL = "/dev/tty";
/** Flags that matter only while opening. */
const OPENING = O.CREAT | O.EXCL | O.NOCTTY | O.TRUNC | O.CLOEXEC | O.DIRECTORY | O.NOFOLLOW;

function* openat(
  process: Process,
  fd: number,
  path: string,
  flags: number,
  mode: number,
): Coroutine<number> {
  if ((flags & O.TMPFILE) === O.TMPFILE) fail(E.EOPNOTSUPP);
  if ((flags & O.ACCMODE) === O.ACCMODE) fail(E.EINVAL);
  if (path === CONTROLLING_TERMINAL) {
    const tty = process.kernel.terminals.get(process.session) ?? fail(E.ENXIO);
    return process.addDescription(
      new TtyDescription(tty, flags & ~OPENING),
      (flags & O.CLOEXEC) !== 0,
    );
  }
  const start = path.startsWith("/") ? process.root : process.directory(fd);
  const opened = (flags & O.CREAT) !== 0 && (flags & O.PATH) === 0
    ? yield* openOrCreate(process, start, path, flags, mode & ~process.umask)
    : yield* openExisting(process, start, path, flags);
  const description = describe(process, opened, flags & ~OPENING, path);
  if ((flags & O.TRUNC) !== 0) description.changedFrom(0);
  try {
    return process.addDescription(description, (flags & O.CLOEXEC) !== 0);
  } catch (failure) {
    yield* description.release();
    throw failure;
  }
}

/** An open file description of what a path led to. @param path as the process said it */
export function describe(
  process: Process,
  opened: Resolved,
  flags: number,
  path: string,
): FileDescription {
  const { environment, memory } = process.kernel;
  return new FileDescription(
    { mount: opened.mount, handle: opened.handle },
    flags,
    opened.mode,
    process.credential,
    (body) => environment.tasks.spawn(body),
    { ino: opened.ino, generation: opened.generation, path, mapped: memory?.files },
  );
}

function* openExisting(
  process: Process,
  start: Location,
  path: string,
  flags: number,
): Coroutine<Resolved> {
  const follow = (flags & O.NOFOLLOW) !== 0 ? 0 : WalkFlag.FOLLOW;
  const directory = (flags & O.DIRECTORY) !== 0 ? WalkFlag.DIRECTORY : 0;
  const found = yield* resolve(process, start, path, follow | directory);
  if ((flags & O.PATH) !== 0) return found;
  return yield* openHandle(process, found, flags);
}

function* openHandle(process: Process, found: Resolved, flags: number): Coroutine<Resolved> {
  try {
    yield* request(
      found.mount.service,
      Private.OPEN,
      [found.handle, flags],
      undefined,
      process.credential,
    );
    return found;
  } catch (failure) {
    yield* request(found.mount.service, Call.CLOSE, [found.handle]);
    throw failure;
  }
}

/** The last name is looked up and made by its server in one step, so that O_EXCL is exact. */
function* openOrCreate(
  process: Process,
  start: Location,
  path: string,
  flags: number,
  mode: number,
  links = SYMLINKS_MAX,
): Coroutine<Resolved> {
  if (path === "") fail(E.ENOENT);
  if (links === 0) fail(E.ELOOP);
  const parent = yield* resolve(process, start, path, WalkFlag.PARENT);
  if (parent.name === "" || parent.name === ".") return yield* openHandle(process, parent, flags);
  try {
    if (parent.slash) fail(E.EISDIR);
    if (parent.name === "..") return yield* openExisting(process, parent, "..", flags);
    const payload = textPayload(parent.name);
    const args = [parent.handle, parent.name.length, flags, mode];
    const status = yield* request(
      parent.mount.service,
      Private.CREATE,
      args,
      payload,
      process.credential,
    );
    if (status !== CONTINUES) {
      const { mode, ino, generation } = getWalkResult(payload);
      return {
        mount: parent.mount,
        handle: status,
        mode,
        name: "",
        slash: false,
        ino,
        generation,
      };
    }
    const next = proceed(process.mounts, process.root, parent, getContinuation(payload));
    if (next.path.length >= PATH_MAX) fail(E.ENAMETOOLONG);
    return yield* openOrCreate(process, next.at, next.path, flags, mode, links - 1);
  } finally {
    yield* request(parent.mount.service, Call.CLOSE, [parent.handle]);
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

function* closeRange(
  process: Process,
  first: number,
  last: number,
  flags: number,
): Coroutine<number> {
  const CLOEXEC = 4;
  if (last < first || (flags & ~CLOEXEC) !== 0) fail(E.EINVAL);
  for (const fd of process.descriptors) {
    if (fd < first || fd > last) continue;
    if ((flags & CLOEXEC) !== 0) process.setCloseOnExec(fd, true);
    else yield* finish(process.close(fd));
  }
  return 0;
}

function duplicate(process: Process, fd: number, closeOnExec: boolean, least: number): number {
  const description = process.description(fd);
  const copy = process.addDescription(description, closeOnExec, least);
  description.uses++;
  return copy;
}

function* dup3(process: Process, fd: number, target: number, flags: number): Coroutine<number> {
  if (fd === target || (flags & ~O.CLOEXEC) !== 0) fail(E.EINVAL);
  const description = process.description(fd);
  const result = yield* process.replace(target, description, (flags & O.CLOEXEC) !== 0);
  description.uses++;
  return result;
}

/** The flags that F_SETFL may change. */
const SETTABLE = O.APPEND | O.NONBLOCK | O.DIRECT | O.NOATIME;

/** @param lock for the lock commands: [type, whence-resolved start, length]; out: the lock in the way */
function fcntl(
  process: Process,
  fd: number,
  command: number,
  argument: number | Lock,
): Blocking<number> {
  const description = process.description(fd);
  switch (command) {
    case F.DUPFD:
    case F.DUPFD_CLOEXEC:
      return duplicate(process, fd, command === F.DUPFD_CLOEXEC, argument as number);
    case F.GETFD:
      return process.closesOnExec(fd) ? 1 : 0;
    case F.SETFD:
      process.setCloseOnExec(fd, ((argument as number) & 1) !== 0);
      return 0;
    case F.GETFL:
      return description.flags;
    case F.SETFL:
      description.flags = description.flags & ~SETTABLE | (argument as number) & SETTABLE;
      return 0;
    case F.GETLK:
    case F.SETLK:
    case F.SETLKW:
    case F.OFD_GETLK:
    case F.OFD_SETLK:
    case F.OFD_SETLKW:
      return lock(process, fd, command, argument as Lock);
    default:
      return fail(E.EINVAL);
  }
}

/** A `struct flock`, decoded; fcntl with F_GETLK changes it. */
export interface Lock {
  /** `F.RDLCK`, `F.WRLCK` or `F.UNLCK` */
  type: number;
  /** one of `SEEK` */
  whence: number;
  /** first byte */
  start: number;
  /** in bytes; 0 is to the end, wherever that will be */
  length: number;
  /** process that holds it; 0 in a request */
  pid: number;
}

function* lock(process: Process, fd: number, command: number, wanted: Lock): Coroutine<number> {
  const file = process.file(fd);
  const ofd = command >= F.OFD_GETLK;
  const plain = ofd ? command - F.OFD_GETLK + F.GETLK : command;
  let base = 0;
  if (wanted.whence === 1) base = file.position;
  else if (wanted.whence === 2) base = yield* finish(file.call(Call.LSEEK, [0, 2]));
  else if (wanted.whence !== 0) fail(E.EINVAL);
  if (ofd) file.locked = true;
  else if (plain !== F.GETLK) process.files.lockedFiles.add(file.identity);
  const owner = lockOwner(ofd ? file : process.files);
  const out = new Uint8Array(32);
  const args = [plain, owner, wanted.type, base + wanted.start, wanted.length];
  const status = yield* finish(file.call(Call.FCNTL, args, out));
  if (status >= 0 && plain === F.GETLK) {
    const view = new DataView(out.buffer);
    wanted.type = view.getUint32(0, true);
    if (wanted.type === F.UNLCK) return status;
    wanted.whence = 0;
    wanted.start = Number(view.getBigInt64(8, true));
    wanted.length = Number(view.getBigInt64(16, true));
    const holder = Number(view.getBigInt64(24, true));
    wanted.pid = processOf(process, holder)?.pid ?? -1;
  }
  return status;
}

/** The process by whose descriptors a lock is held; undefined for a lock of an open file description. */
function processOf(process: Process, owner: number): Process | undefined {
  for (const each of process.kernel.all) if (lockOwner(each.files) === owner) return each;
}

function flock(process: Process, fd: number, operation: number): Blocking<number> {
  const file = process.file(fd);
  if (![LOCK.SH, LOCK.EX, LOCK.UN].includes((operation & ~LOCK.NB) as 1)) fail(E.EINVAL);
  file.locked = true;
  return file.call(Call.FLOCK, [operation, lockOwner(file)]);
}

/** @param out two descriptors, 32 bits each: read end, write end */
function pipe2(process: Process, out: Uint8Array, flags: number): number {
  if ((flags & ~(O.CLOEXEC | O.NONBLOCK | O.DIRECT)) !== 0) fail(E.EINVAL);
  const [reader, writer] = makePipe(flags & O.NONBLOCK, () => {});
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
  openat,
  close,
  close_range: closeRange,
  dup: (process: Process, fd: number) => duplicate(process, fd, false, 0),
  dup3,
  fcntl,
  flock,
  pipe2,
};
