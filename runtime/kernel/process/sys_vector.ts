// Reading and writing several pieces with one call, and moving data between descriptors: readv(2),
// writev(2), preadv2(2), pwritev2(2), sendfile(2), copy_file_range(2).
import { type Coroutine, finish } from "../coroutine.ts";
import { E, Errno, fail } from "../errno.ts";
import { S } from "../vfs/filesystem.ts";
import { FileDescription } from "./description.ts";
import type { Handlers } from "./handler.ts";
import type { Process } from "./process.ts";

/** Moved at a time. */
const PIECE_BYTES = 65536;
/** Most that one call moves; the program asks for the rest again. */
const MOST_BYTES = 1 << 20;

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

/** Writes that must stay together go as one: pieces of a pipe or a terminal are not to be torn apart. */
function joined(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function readv(process: Process, fd: number, parts: Uint8Array[]): Coroutine<number> {
  const description = process.description(fd);
  return transfer(parts, function* (part, done) {
    // A second piece must not wait for what may never come.
    if (done > 0 && (description.poll(1) & 1) === 0) return 0;
    return yield* finish(description.read(part));
  });
}

function* writev(process: Process, fd: number, parts: Uint8Array[]): Coroutine<number> {
  return yield* finish(process.description(fd).write(joined(parts), process));
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
  return transfer(parts, (part, done) => finish(file.pwrite(part, offset + done)));
}

/** @param offset where to read, which moves on; undefined for the descriptor's own position */
function* move(
  from: FileDescription,
  offset: Uint8Array | undefined,
  write: (bytes: Uint8Array, done: number) => Coroutine<number>,
  length: number,
): Coroutine<number> {
  const view = offset && new DataView(offset.buffer, offset.byteOffset);
  let at = view === undefined ? from.position : Number(view.getBigInt64(0, true));
  if (at < 0) fail(E.EINVAL);
  const most = Math.min(length, MOST_BYTES);
  let done = 0;
  while (done < most) {
    const bytes = new Uint8Array(Math.min(PIECE_BYTES, most - done));
    const count = yield* finish(from.pread(bytes, at));
    if (count <= 0) {
      if (count < 0 && done === 0) return count;
      break;
    }
    let written: number;
    try {
      written = yield* write(bytes.subarray(0, count), done);
    } catch (failure) {
      if (done === 0 || !(failure instanceof Errno)) throw failure;
      break;
    }
    if (written <= 0) {
      if (done === 0) return written;
      break;
    }
    done += written;
    at += written;
    if (written < count) break;
  }
  if (view === undefined) from.position = at;
  else view.setBigInt64(0, BigInt(at), true);
  return done;
}

function* sendfile(
  process: Process,
  out: number,
  input: number,
  offset: Uint8Array | undefined,
  length: number,
): Coroutine<number> {
  const target = process.description(out);
  const source = process.description(input);
  if (!(source instanceof FileDescription) || !source.seekable) return fail(E.EINVAL);
  return yield* move(source, offset, (bytes) => finish(target.write(bytes, process)), length);
}

function* copyFileRange(
  process: Process,
  input: number,
  inputOffset: Uint8Array | undefined,
  output: number,
  outputOffset: Uint8Array | undefined,
  length: number,
  flags: number,
): Coroutine<number> {
  if (flags !== 0) fail(E.EINVAL);
  const source = process.file(input), target = process.file(output);
  if ((source.mode & S.IFMT) !== S.IFREG || (target.mode & S.IFMT) !== S.IFREG) fail(E.EINVAL);
  const view = outputOffset && new DataView(outputOffset.buffer, outputOffset.byteOffset);
  const start = view === undefined ? target.position : Number(view.getBigInt64(0, true));
  const done = yield* move(
    source,
    inputOffset,
    (bytes, before) => finish(target.pwrite(bytes, start + before)),
    length,
  );
  if (done <= 0) return done;
  if (view === undefined) target.position = start + done;
  else view.setBigInt64(0, BigInt(start + done), true);
  return done;
}

export const vectorCalls: Handlers = {
  readv,
  writev,
  preadv,
  pwritev,
  sendfile,
  copy_file_range: copyFileRange,
  // Nothing is read ahead, and nothing is dropped, on advice.
  fadvise64: (process: Process, fd: number) => {
    process.file(fd);
    return 0;
  },
  readahead: (process: Process, fd: number) => {
    process.file(fd);
    return 0;
  },
};
