// Reading and writing several pieces with one call: readv(2), writev(2), preadv2(2), pwritev2(2).
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { joined } from "../../pieces.ts";
import { zeros } from "../../small_arrays.ts";
import { SEEK } from "../../vfs/constants.ts";
import { Call } from "../../vfs/protocol.ts";
import { FileDescription } from "./description.ts";
import { pwrite, write } from "./file_size_limit.ts";
import type { Handlers } from "../handler.ts";
import type { Process } from "../process.ts";
import { copyCalls } from "./sys_copy.ts";
import { spliceCalls } from "../pipe/sys_splice.ts";
import { transfer } from "./transfer.ts";
import {
  demandReadFlags,
  demandWriteFlags,
  durableAsAsked,
  placesWrite,
  pwritePlaced,
  RWF,
} from "./write_flags.ts";

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
  return write(process, process.description(fd), joined(parts, zeros));
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
  demandReadFlags(flags);
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
  demandWriteFlags(flags);
  const description = process.description(fd);
  const changed = placesWrite(flags) ? seekable(process, fd) : undefined;
  let written: number;
  if (changed !== undefined) {
    const at = offset === CURRENT ? changed.position : offset;
    if (at < 0) fail(E.EINVAL);
    written = yield* transfer(
      parts,
      (part, done) => finish(pwritePlaced(process, changed, part, at + done, flags)),
    );
    if (offset === CURRENT && written > 0) {
      changed.position = (flags & RWF.APPEND) !== 0
        ? yield* finish(changed.call(Call.LSEEK, [0, SEEK.END]))
        : at + written;
    }
  } else if (offset === CURRENT) written = yield* finish(writev(process, fd, parts));
  else written = yield* pwritev(process, fd, parts, count, offset);
  return yield* durableAsAsked(description, written, flags);
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
