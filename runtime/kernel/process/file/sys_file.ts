// Calls on open files: data, positions, attributes by descriptor, durability, readiness.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { FALLOC, O, SEEK } from "../../vfs/constants.ts";
import { Call } from "../../vfs/protocol.ts";
import { S } from "../../vfs/filesystem.ts";
import { statFromStatx, STATFS_BYTES, STATX_BYTES } from "../../vfs/structures.ts";
import { FileDescription } from "./description.ts";
import { descriptorAttributes } from "./descriptor_attributes.ts";
import { demandSize, isLimited, pwrite, write } from "./file_size_limit.ts";
import type { Handlers } from "../handler.ts";
import { getInt } from "../little_endian.ts";
import { pipeEnd } from "../pipe/pipe.ts";
import type { Process } from "../process.ts";

/** Where `struct statx` has the first number of a device, and which one /dev/null and its like have. */
const STATX_MAJOR = 128, MEMORY_MAJOR = 1;

function lseek(process: Process, fd: number, offset: number, whence: number): Blocking<number> {
  const description = process.description(fd);
  const file = "position" in description ? process.file(fd) : fail(E.ESPIPE);
  if (!file.seekable) return seekDevice(file);
  if (whence === SEEK.SET || whence === SEEK.CUR) {
    const position = whence === SEEK.SET ? offset : file.position + offset;
    if (!(position >= 0)) fail(E.EINVAL);
    return file.position = position;
  }
  if (whence !== SEEK.END && whence !== SEEK.DATA && whence !== SEEK.HOLE) fail(E.EINVAL);
  return function* () {
    const position = yield* finish(file.call(Call.LSEEK, [offset, whence]));
    return position < 0 ? position : file.position = position;
  }();
}

/** /dev/null and its like (mem(4)), where every position is 0. @throws Errno ESPIPE for other devices */
function* demandMemoryDevice(file: FileDescription): Coroutine<void> {
  if ((file.mode & S.IFMT) !== S.IFCHR) fail(E.ESPIPE);
  const structure = new Uint8Array(STATX_BYTES);
  const status = yield* finish(file.call(Call.STATX, [], structure));
  if (status < 0 || getInt(structure, STATX_MAJOR) !== MEMORY_MAJOR) fail(E.ESPIPE);
}

function* seekDevice(file: FileDescription): Coroutine<number> {
  yield* demandMemoryDevice(file);
  return 0;
}

/** Does something with a file at a position of its own. @throws Errno ESPIPE where there are no positions */
function positioned(
  process: Process,
  fd: number,
  transfer: (file: FileDescription) => Blocking<number>,
): Blocking<number> {
  const description = process.description(fd);
  if (!("position" in description)) fail(E.ESPIPE);
  const file = process.file(fd);
  if (file.seekable) return transfer(file);
  return function* () {
    yield* demandMemoryDevice(file);
    return yield* finish(transfer(file));
  }();
}

function pread(process: Process, fd: number, into: Uint8Array, offset: number): Blocking<number> {
  if (!(offset >= 0)) fail(E.EINVAL);
  return positioned(process, fd, (file) => file.pread(into, file.seekable ? offset : 0));
}

function pwrite64(
  process: Process,
  fd: number,
  from: Uint8Array,
  offset: number,
): Blocking<number> {
  if (!(offset >= 0)) fail(E.EINVAL);
  return positioned(
    process,
    fd,
    (file) => pwrite(process, file, from, file.seekable ? offset : 0),
  );
}

function ftruncate(process: Process, fd: number, size: number): Blocking<number> {
  if (isLimited(process)) demandSize(process, size);
  return process.file(fd).call(Call.FTRUNCATE, [size]);
}

function* getdents(process: Process, fd: number, into: Uint8Array): Coroutine<number> {
  const file = process.file(fd);
  if (!file.isDirectory) fail(E.ENOTDIR);
  const filled = yield* finish(file.call(Call.GETDENTS64, [file.position], into));
  if (filled <= 0) return filled;
  // The position to go on from is in the last record.
  const view = new DataView(into.buffer, into.byteOffset, filled);
  for (let at = 0; at < filled; at += view.getUint16(at + 16, true)) {
    file.position = Number(view.getBigInt64(at + 8, true));
  }
  return filled;
}

function* fstat(process: Process, fd: number, out: Uint8Array): Coroutine<number> {
  statFromStatx(yield* descriptorAttributes(process, fd), out);
  return 0;
}

function* fstatfs(process: Process, fd: number, out: Uint8Array): Coroutine<number> {
  const structure = new Uint8Array(STATFS_BYTES);
  const status = yield* finish(process.file(fd).call(Call.FSTATFS, [], structure));
  if (status >= 0) out.set(structure);
  return status;
}

/** A call that goes to the file's server as it is. */
function forward(number: number) {
  return (process: Process, fd: number, ...args: number[]) => process.file(fd).call(number, args);
}

function fallocate(process: Process, fd: number, ...args: number[]): Blocking<number> {
  const description = process.description(fd);
  if ((description.flags & (O.ACCMODE | O.PATH)) === O.RDONLY) fail(E.EBADF);
  if (pipeEnd(description) !== undefined) fail(E.ESPIPE);
  if (!(description instanceof FileDescription)) return fail(E.ENODEV);
  const [mode, offset, length] = args;
  if (isLimited(process) && (mode & FALLOC.KEEP_SIZE) === 0) demandSize(process, offset + length);
  return description.call(Call.FALLOCATE, args);
}

function* sync(process: Process): Coroutine<number> {
  for (const service of new Set(process.mounts.mounts.map((mount) => mount.server))) {
    yield* finish(
      service.call({
        number: Call.SYNC,
        args: [],
        credential: process.credential,
        payload: new Uint8Array(0),
      }),
    );
  }
  return 0;
}

export const fileCalls: Handlers = {
  read: (process: Process, fd: number, into: Uint8Array) =>
    process.description(fd).read(into, process),
  write: (process: Process, fd: number, from: Uint8Array) =>
    write(process, process.description(fd), from),
  pread64: pread,
  pwrite64,
  lseek,
  getdents64: getdents,
  fstat,
  fstatfs,
  fsync: forward(Call.FSYNC),
  fdatasync: forward(Call.FDATASYNC),
  syncfs: forward(Call.SYNC),
  sync,
  ftruncate,
  fallocate,
  fchmod: forward(Call.FCHMOD),
  fchown: forward(Call.FCHOWN),
};
