// Moving data from one file to another descriptor without a program's memory in between: sendfile(2),
// copy_file_range(2).
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { FileDescription } from "./description.ts";
import type { Handlers } from "../handler.ts";
import { getLong } from "../little_endian.ts";
import type { Process } from "../process.ts";

/** Moved at a time. */
const PIECE_BYTES = 65536;
/** Most that one call moves; the program asks for the rest again. */
const MOST_BYTES = 1 << 20;

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
  if ((source.flags & O.ACCMODE) === O.WRONLY) fail(E.EBADF);
  if ((target.flags & O.ACCMODE) === O.RDONLY) fail(E.EBADF);
  if ((target.flags & O.APPEND) !== 0) fail(E.EINVAL);
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
  if ((source.flags & O.ACCMODE) === O.WRONLY) fail(E.EBADF);
  if ((target.flags & O.ACCMODE) === O.RDONLY || (target.flags & O.APPEND) !== 0) fail(E.EBADF);
  for (const { mode } of [source, target]) if ((mode & S.IFMT) === S.IFDIR) fail(E.EISDIR);
  if ((source.mode & S.IFMT) !== S.IFREG || (target.mode & S.IFMT) !== S.IFREG) fail(E.EINVAL);
  const view = outputOffset && new DataView(outputOffset.buffer, outputOffset.byteOffset);
  const start = view === undefined ? target.position : Number(view.getBigInt64(0, true));
  const from = inputOffset === undefined ? source.position : getLong(inputOffset, 0);
  const overlaps = from < start + length && start < from + length;
  if (source.identity === target.identity && overlaps) fail(E.EINVAL);
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

export const copyCalls: Handlers = {
  sendfile,
  copy_file_range: copyFileRange,
};
