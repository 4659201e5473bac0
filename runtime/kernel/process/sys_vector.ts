// Reading and writing several pieces with one call: readv(2), writev(2), preadv2(2), pwritev2(2).
import { type Blocking, type Coroutine, finish } from "../coroutine.ts";
import { E, Errno, fail } from "../errno.ts";
import { joined } from "../pieces.ts";
import { SEEK } from "../vfs/constants.ts";
import { Call } from "../vfs/protocol.ts";
import { FileDescription } from "./description.ts";
import { pwrite, write } from "./file_size_limit.ts";
import type { Handlers } from "./handler.ts";
import type { Process } from "./process.ts";
import { copyCalls } from "./sys_copy.ts";
import { spliceCalls } from "./sys_splice.ts";

/** Carries a transfer out piece by piece; what was done before an error counts. */
function* transfer(
  parts: Uint8Array[],
  move: (part: Uint8Array, done: number) => Coroutine<number>,
): Coroutine<number> {
  let done = 0;
  for (const part of parts) {
    if (part.length === 0) continue;
    let count: number;
    try {
      count = yield* move(part, done);
    } catch (failure) {
      if (done > 0 && failure instanceof Errno) return done;
      throw failure;
    }
    if (count < 0) return done > 0 ? done : count;
    done += count;
    if (count < part.length) break;
  }
  return done;
}

function readv(process: Process, fd: number, parts: Uint8Array[]): Coroutine<number> {
  const description = process.description(fd);
  return transfer(parts, function* (part, done) {
    // A second piece must not wait for what may never come.
    if (done > 0 && (description.poll(1) & 1) === 0) return 0;
    return yield* finish(description.read(part, process));
  });
}

function writev(process: Process, fd: number, parts: Uint8Array[]): Blocking<number> {
  // Writes that must stay together go as one: pieces of a pipe or a terminal are not to be torn apart.
  return write(process, process.description(fd), joined(parts));
}

function seekable(process: Process, fd: number): FileDescription {
  const description = process.description(fd);
  if (!(description instanceof FileDescription) || !description.seekable) return fail(E.ESPIPE);
  return description;
}

function preadv(
  process: Process,
  fd: number,
  parts: Uint8Array[],
  _count: number,
  offset: number,
): Coroutine<number> {
  if (offset < 0) fail(E.EINVAL);
  const file = seekable(process, fd);
  return transfer(parts, (part, done) => finish(file.pread(part, offset + done)));
}

function pwritev(
  process: Process,
  fd: number,
  parts: Uint8Array[],
  _count: number,
  offset: number,
): Coroutine<number> {
  if (offset < 0) fail(E.EINVAL);
  const file = seekable(process, fd);
  return transfer(parts, (part, done) => finish(pwrite(process, file, part, offset + done)));
}

/** Flags of preadv2(2) and pwritev2(2). */
const RWF = { HIPRI: 1, DSYNC: 2, SYNC: 4, NOWAIT: 8, APPEND: 16, NOAPPEND: 32 } as const;
/** As HIPRI asks, nothing is slower than need be; the others are for writes. */
const READ_FLAGS = RWF.HIPRI;
const WRITE_FLAGS = RWF.HIPRI | RWF.DSYNC | RWF.SYNC | RWF.APPEND | RWF.NOAPPEND;
/** Offset that stands for the position of the description. */
const CURRENT = -1;

function preadv2(
  process: Process,
  fd: number,
  parts: Uint8Array[],
  count: number,
  offset: number,
  _high: number,
  flags: number,
): Coroutine<number> {
  if ((flags & ~READ_FLAGS) !== 0) fail(E.EOPNOTSUPP);
  return offset === CURRENT ? readv(process, fd, parts) : preadv(process, fd, parts, count, offset);
}

function* pwritev2(
  process: Process,
  fd: number,
  parts: Uint8Array[],
  count: number,
  offset: number,
  _high: number,
  flags: number,
): Coroutine<number> {
  const both = RWF.APPEND | RWF.NOAPPEND;
  if ((flags & ~WRITE_FLAGS) !== 0) fail(E.EOPNOTSUPP);
  if ((flags & both) === both) fail(E.EINVAL);
  const description = process.description(fd);
  const changed = (flags & both) === 0 ? undefined : seekable(process, fd);
  let written: number;
  if (changed !== undefined) {
    const at = offset === CURRENT ? changed.position : offset;
    if (at < 0) fail(E.EINVAL);
    const appends = (flags & RWF.APPEND) !== 0 ? 1 : 0;
    const args = (done: number) => appends === 1 ? [0, 1] : [at + done, 0];
    written = yield* transfer(
      parts,
      (part, done) => finish(changed.call(Call.PWRITE64, args(done), part)),
    );
    if (offset === CURRENT && written > 0) {
      changed.position = appends === 1
        ? yield* finish(changed.call(Call.LSEEK, [0, SEEK.END]))
        : at + written;
    }
  } else if (offset === CURRENT) written = yield* finish(writev(process, fd, parts));
  else written = yield* pwritev(process, fd, parts, count, offset);
  if ((flags & (RWF.DSYNC | RWF.SYNC)) !== 0 && written > 0) {
    if (!(description instanceof FileDescription)) return written;
    const call = (flags & RWF.SYNC) !== 0 ? Call.FSYNC : Call.FDATASYNC;
    const synced = yield* finish(description.call(call, []));
    if (synced < 0) return synced;
  }
  return written;
}

export const vectorCalls: Handlers = {
  ...copyCalls,
  ...spliceCalls,
  readv,
  writev,
  preadv,
  pwritev,
  preadv2,
  pwritev2,
};
