// Moving data through pipes without a program's memory in between: splice(2), tee(2), vmsplice(2).
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { type Description, FileDescription } from "../file/description.ts";
import type { Handlers } from "../handler.ts";
import { getLong, putLong } from "../little_endian.ts";
import { type Pipe, pipeEnd } from "./pipe.ts";
import type { Process } from "../process.ts";

/** Most that one call moves; the program asks for the rest again. */
const MOST_BYTES = 1 << 20;
const SPLICE = { MOVE: 1, NONBLOCK: 2, MORE: 4, GIFT: 8 } as const;
const ALL_SPLICE = Object.values(SPLICE).reduce<number>((all, each) => all | each, 0);

/** The pipe that a descriptor reads from. @throws Errno EBADF */
function source(description: Description): Pipe | undefined {
  if ((description.flags & O.ACCMODE) === O.WRONLY) fail(E.EBADF);
  return pipeEnd(description)?.pipe;
}

/** The pipe that a descriptor writes to. @throws Errno EBADF */
function target(description: Description): Pipe | undefined {
  if ((description.flags & O.ACCMODE) === O.RDONLY) fail(E.EBADF);
  return pipeEnd(description)?.pipe;
}

function nonblocking(description: Description, flags: number): boolean {
  return (flags & SPLICE.NONBLOCK) !== 0 || (description.flags & O.NONBLOCK) !== 0;
}

/** What is in a pipe goes where a descriptor writes; it leaves the pipe once it is there. */
function* drain(
  pipe: Pipe,
  length: number,
  waits: boolean,
  write: (bytes: Uint8Array) => Coroutine<number>,
): Coroutine<number> {
  if (!(yield* pipe.readable(!waits))) return 0;
  const bytes = new Uint8Array(Math.min(length, pipe.available));
  pipe.peek(bytes);
  const written = yield* write(bytes);
  if (written > 0) pipe.consume(written);
  return written;
}

/** What a descriptor reads goes into a pipe: no more than fits, so that nothing is lost. */
function* fill(
  pipe: Pipe,
  length: number,
  waits: boolean,
  read: (into: Uint8Array) => Coroutine<number>,
): Coroutine<number> {
  yield* pipe.writable(1, !waits);
  const bytes = new Uint8Array(Math.min(length, pipe.room));
  const count = yield* read(bytes);
  return count <= 0 ? count : yield* pipe.write(bytes.subarray(0, count), false);
}

/** Reads or writes at an offset that moves on, or at the description's own position. @throws Errno ESPIPE */
function* placed(
  description: Description,
  offset: Uint8Array | undefined,
  bytes: Uint8Array,
  writes: boolean,
  process: Process,
): Coroutine<number> {
  if (offset === undefined) {
    return yield* finish(
      writes ? description.write(bytes, process) : description.read(bytes, process),
    );
  }
  if (!(description instanceof FileDescription) || !description.seekable) return fail(E.ESPIPE);
  const at = getLong(offset, 0);
  if (at < 0) fail(E.EINVAL);
  const count = yield* finish(
    writes ? description.pwrite(bytes, at) : description.pread(bytes, at),
  );
  if (count > 0) putLong(offset, 0, at + count);
  return count;
}

function* splice(
  process: Process,
  input: number,
  inputOffset: Uint8Array | undefined,
  output: number,
  outputOffset: Uint8Array | undefined,
  length: number,
  flags: number,
): Coroutine<number> {
  if ((flags & ~ALL_SPLICE) !== 0) fail(E.EINVAL);
  const from = process.description(input), to = process.description(output);
  if (length === 0) return 0;
  const most = Math.min(length, MOST_BYTES);
  const reads = source(from), writes = target(to);
  const append = to instanceof FileDescription && to.seekable && (to.flags & O.APPEND) !== 0;
  if (append) fail(E.EINVAL);
  if (reads !== undefined && inputOffset !== undefined) fail(E.ESPIPE);
  if (writes !== undefined && outputOffset !== undefined) fail(E.ESPIPE);
  if (reads !== undefined && writes !== undefined) {
    if (reads === writes) fail(E.EINVAL);
    const waits = !nonblocking(from, flags) && !nonblocking(to, flags);
    yield* writes.writable(1, !waits);
    return yield* drain(reads, Math.min(most, writes.room), waits, (bytes) => {
      return writes.write(bytes, false);
    });
  }
  if (reads !== undefined) {
    return yield* drain(
      reads,
      most,
      !nonblocking(from, flags),
      (bytes) => placed(to, outputOffset, bytes, true, process),
    );
  }
  if (writes === undefined) return fail(E.EINVAL);
  return yield* fill(
    writes,
    most,
    !nonblocking(to, flags),
    (into) => placed(from, inputOffset, into, false, process),
  );
}

/** Copies what is in one pipe to another, and leaves it there. */
function* tee(
  process: Process,
  input: number,
  output: number,
  length: number,
  flags: number,
): Coroutine<number> {
  if ((flags & ~ALL_SPLICE) !== 0) fail(E.EINVAL);
  const from = process.description(input), to = process.description(output);
  const reads = source(from), writes = target(to);
  if (reads === undefined || writes === undefined || reads === writes) return fail(E.EINVAL);
  if (length === 0) return 0;
  const waits = !nonblocking(from, flags) && !nonblocking(to, flags);
  if (!(yield* reads.readable(!waits))) return 0;
  yield* writes.writable(1, !waits);
  const bytes = new Uint8Array(Math.min(length, reads.available, writes.room));
  return writes.put(bytes.subarray(0, reads.peek(bytes)));
}

/** Memory goes into a pipe: copied, as a program may not notice (SPLICE_F_GIFT is a permission). */
function* vmsplice(
  process: Process,
  fd: number,
  parts: Uint8Array[],
  _count: number,
  flags: number,
): Coroutine<number> {
  if ((flags & ~ALL_SPLICE) !== 0) fail(E.EINVAL);
  const description = process.description(fd);
  const pipe = (pipeEnd(description) ?? fail(E.EBADF)).writes
    ? pipeEnd(description)!.pipe
    : fail(E.EBADF);
  let done = 0;
  for (const part of parts) {
    if (part.length === 0) continue;
    try {
      done += yield* pipe.write(part, nonblocking(description, flags));
    } catch (failure) {
      if (done > 0 && failure instanceof Errno) return done;
      throw failure;
    }
  }
  return done;
}

export const spliceCalls: Handlers = {
  splice,
  tee,
  vmsplice,
};
