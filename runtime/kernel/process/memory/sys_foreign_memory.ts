// process_vm_readv(2), process_vm_writev(2): memory of another process.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Handlers } from "../handler.ts";
import { copyForeign } from "./foreign_memory.ts";
import { IOVEC_BYTES, MAX_VECTOR, type Piece, readVector } from "./vector.ts";
import type { Process } from "../process.ts";
import { mayTrace } from "../tracing.ts";

/** Pieces that are both in one of ours and in one of theirs, in order. */
function* pieces(own: Uint8Array[], remote: Piece[]): Generator<[number, Uint8Array]> {
  let part = 0, used = 0;
  for (let { address, length: left } of remote) {
    while (left > 0) {
      while (part < own.length && used === own[part].length) part++, used = 0;
      if (part === own.length) return;
      const length = Math.min(left, own[part].length - used);
      yield [address, own[part].subarray(used, used + length)];
      address += length;
      left -= length;
      used += length;
    }
  }
}

/** @param own memory of the caller @param remote `struct iovec`s of the other process */
function* copy(
  process: Process,
  pid: number,
  own: Uint8Array[],
  remote: Uint8Array,
  flags: number,
  write: boolean,
): Coroutine<number> {
  if (flags !== 0 || remote.length > MAX_VECTOR * IOVEC_BYTES) fail(E.EINVAL);
  const theirs = readVector(remote);
  const target = (process.kernel.thread(pid) ?? fail(E.ESRCH)).process;
  if (!mayTrace(process, target)) fail(E.EPERM);
  const space = target.memory ?? fail(E.ESRCH);
  let total = 0;
  for (const [address, bytes] of pieces(own, theirs)) {
    const copied = yield* copyForeign(space, address, bytes, { write, forced: false });
    total += copied;
    if (copied < bytes.length) return total === 0 ? fail(E.EFAULT) : total;
  }
  return total;
}

function handler(write: boolean) {
  return (
    process: Process,
    pid: number,
    own: Uint8Array[],
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
