// process_vm_readv(2), process_vm_writev(2): memory of another process.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Handlers } from "../handler.ts";
import { copyForeign, type ForeignAccess } from "./foreign_memory.ts";
import { IOVEC_BYTES, MAX_VECTOR, type Piece, readVector } from "./vector.ts";
import type { Process } from "../process.ts";
import { mayTrace } from "../tracing.ts";

const READ: ForeignAccess = { write: false, forced: false };
const WRITE: ForeignAccess = { write: true, forced: false };

/** What goes at once, through memory of the kernel. */
const CHUNK_BYTES = 65_536;

/** Pieces that are both in one of ours and in one of theirs, in order. */
function* pieces(
  own: Piece[],
  remote: Piece[],
): Generator<[own: number, remote: number, length: number]> {
  let part = 0, used = 0;
  for (let { address, length: left } of remote) {
    while (left > 0) {
      while (part < own.length && used === own[part].length) part++, used = 0;
      if (part === own.length) return;
      const length = Math.min(left, own[part].length - used, CHUNK_BYTES);
      yield [own[part].address + used, address, length];
      address += length;
      left -= length;
      used += length;
    }
  }
}

/** @param own `struct iovec`s of the caller @param remote those of the other process */
function* copy(
  process: Process,
  pid: number,
  own: Uint8Array,
  remote: Uint8Array,
  flags: number,
  write: boolean,
): Coroutine<number> {
  if (flags !== 0 || Math.max(own.length, remote.length) > MAX_VECTOR * IOVEC_BYTES) fail(E.EINVAL);
  const ours = readVector(own), theirs = readVector(remote);
  const target = (process.kernel.thread(pid) ?? fail(E.ESRCH)).process;
  if (!mayTrace(process, target)) fail(E.EPERM);
  const space = target.memory ?? fail(E.ESRCH), home = process.memory ?? fail(E.EFAULT);
  const bytes = new Uint8Array(CHUNK_BYTES);
  let total = 0;
  for (const [near, far, length] of pieces(ours, theirs)) {
    const read = bytes.subarray(0, length);
    const got = write
      ? yield* copyForeign(home, near, read, READ)
      : yield* copyForeign(space, far, read, READ);
    const written = bytes.subarray(0, got);
    const copied = write
      ? yield* copyForeign(space, far, written, WRITE)
      : yield* copyForeign(home, near, written, WRITE);
    total += copied;
    if (copied < length) return total === 0 ? fail(E.EFAULT) : total;
  }
  return total;
}

function handler(write: boolean) {
  return (
    process: Process,
    pid: number,
    own: Uint8Array,
    _ownCount: number,
    remote: Uint8Array,
    _remoteCount: number,
    flags: number,
  ) => copy(process, pid, own, remote, flags, write);
}

export const foreignMemoryCalls: Handlers = {
  process_vm_readv: handler(false),
  process_vm_writev: handler(true),
};
