// dup(2), fcntl(2) and flock(2): descriptors, their flags, locks of files, sizes of pipes, seals.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { F, LOCK, O } from "../../vfs/constants.ts";
import { Call } from "../../vfs/protocol.ts";
import {
  ASYNC,
  ownerOf,
  putOwner,
  setAsync,
  setOwner,
  setSignal,
  signalOf,
  takeOwner,
} from "./async_io.ts";
import { type Description, FileDescription, lockOwner } from "./description.ts";
import { onlyGrows } from "./file_requests.ts";
import type { Handlers } from "../handler.ts";
import { statusOf } from "./lock_waits.ts";
import { MOST_PIPE_BYTES, pipeEnd } from "../pipe/pipe.ts";
import type { Process } from "../process.ts";

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

function setFlags(process: Process, description: Description, flags: number): number {
  description.flags = description.flags & ~SETTABLE | flags & SETTABLE;
  setAsync(process, description, (flags & ASYNC) !== 0);
  return 0;
}

function endsAppending(file: FileDescription, flags: number): boolean {
  return (file.flags & ~flags & O.APPEND) !== 0 && (file.flags & O.ACCMODE) !== O.RDONLY &&
    file.seekable;
}

/** @throws Errno EPERM for a file that only grows */
function* setFlagsOfFile(
  process: Process,
  file: FileDescription,
  flags: number,
): Coroutine<number> {
  if (yield* onlyGrows(file)) fail(E.EPERM);
  return setFlags(process, file, flags);
}

/** @param argument a lock of the commands for locks, which get the one in the way; `struct f_owner_ex` of those for owners */
function fcntl(
  process: Process,
  fd: number,
  command: number,
  argument: number | Lock | Uint8Array,
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
      return description instanceof FileDescription &&
          endsAppending(description, argument as number)
        ? setFlagsOfFile(process, description, argument as number)
        : setFlags(process, description, argument as number);
    case F.GETOWN:
      return ownerOf(description);
    case F.SETOWN:
      return setOwner(process, description, argument as number);
    case F.GETOWN_EX:
      return putOwner(description, argument as Uint8Array);
    case F.SETOWN_EX:
      return takeOwner(process, description, argument as Uint8Array);
    case F.GETSIG:
      return signalOf(description);
    case F.SETSIG:
      return setSignal(description, argument as number);
    case F.GETLK:
    case F.SETLK:
    case F.SETLKW:
    case F.OFD_GETLK:
    case F.OFD_SETLK:
    case F.OFD_SETLKW:
      return lock(process, fd, command, argument as Lock);
    case F.GETPIPE_SZ:
      return (pipeEnd(description) ?? fail(E.EBADF)).pipe.capacity;
    case F.SETPIPE_SZ:
      return resizePipe(process, description, argument as number);
    case F.GET_SEALS:
      return process.kernel.local.anonymous.seals(description);
    case F.ADD_SEALS:
      return process.kernel.local.anonymous.addSeals(process, description, argument as number);
    default:
      return fail(E.EINVAL);
  }
}

function resizePipe(process: Process, description: Description, bytes: number): number {
  const { pipe } = pipeEnd(description) ?? fail(E.EBADF);
  if (bytes > MOST_PIPE_BYTES && process.identity.euid !== 0) fail(E.EPERM);
  return pipe.resize(bytes);
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
  if (ofd && wanted.pid !== 0) fail(E.EINVAL);
  if (ofd) file.locked = true;
  else if (plain !== F.GETLK) process.files.lockedFiles.add(file.identity);
  const owner = lockOwner(ofd ? file : process.files);
  // A negative length is that of what lies before the start.
  const start = base + wanted.start + Math.min(wanted.length, 0);
  const range = [owner, wanted.type, start, Math.abs(wanted.length)];
  const out = new Uint8Array(32), view = new DataView(out.buffer);
  const set = () => file.call(Call.FCNTL, [F.SETLK, ...range], out);
  const get = () => file.call(Call.FCNTL, [F.GETLK, ...range], out);
  if (plain === F.GETLK) {
    const status = yield* finish(get());
    wanted.type = view.getUint32(0, true);
    if (status < 0 || wanted.type === F.UNLCK) return status;
    wanted.whence = 0;
    wanted.start = Number(view.getBigInt64(8, true));
    wanted.length = Number(view.getBigInt64(16, true));
    wanted.pid = processOf(process, holderIn(view))?.pid ?? -1;
    return status;
  }
  const { locks } = process.kernel.local;
  const holder = function* () {
    const status = yield* statusOf(get);
    return status < 0 || view.getUint32(0, true) === F.UNLCK ? undefined : holderIn(view);
  };
  const status = plain === F.SETLKW
    ? yield* locks.take(file.identity, owner, set, ofd ? undefined : holder)
    : yield* finish(set());
  if (status >= 0 && wanted.type !== F.WRLCK) locks.released(file.identity);
  return status;
}

/** The owner that an answer to F_GETLK names. */
function holderIn(view: DataView): number {
  return Number(view.getBigInt64(24, true));
}

/** The process by whose descriptors a lock is held; undefined for a lock of an open file description. */
function processOf(process: Process, owner: number): Process | undefined {
  for (const each of process.kernel.all) if (lockOwner(each.files) === owner) return each;
}

/** A lock that is to be of the other kind is given up first where it cannot become that at once, as in Linux. */
function* flock(process: Process, fd: number, operation: number): Coroutine<number> {
  const file = process.file(fd), kind = operation & ~LOCK.NB;
  if (![LOCK.SH, LOCK.EX, LOCK.UN].includes(kind as 1)) fail(E.EINVAL);
  const { locks } = process.kernel.local;
  const ask = (kind: number) => () => file.call(Call.FLOCK, [kind, lockOwner(file)]);
  const had = file.locked;
  file.locked = true;
  let status = yield* statusOf(ask(kind));
  if (status === -E.EAGAIN) {
    if (had) {
      yield* statusOf(ask(LOCK.UN));
      locks.released(file.identity);
    }
    if ((operation & LOCK.NB) !== 0) return status;
    status = yield* locks.take(file.identity, lockOwner(file), ask(kind));
  }
  if (status >= 0 && kind !== LOCK.EX) locks.released(file.identity);
  return status;
}

export const fcntlCalls: Handlers = {
  dup: (process: Process, fd: number) => duplicate(process, fd, false, 0),
  dup3,
  fcntl,
  flock,
};
