// What single transfers ask for beyond the flags of their file: RWF_ flags of preadv2(2) and of io_submit(2).
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { Call } from "../../vfs/protocol.ts";
import { type Description, FileDescription } from "./description.ts";
import { pwrite } from "./file_size_limit.ts";
import type { Process } from "../process.ts";

export const RWF = { HIPRI: 1, DSYNC: 2, SYNC: 4, NOWAIT: 8, APPEND: 16, NOAPPEND: 32 } as const;
/** As HIPRI asks, nothing is slower than need be; the others are for writes. */
const READ_FLAGS = RWF.HIPRI;
const WRITE_FLAGS = RWF.HIPRI | RWF.DSYNC | RWF.SYNC | RWF.APPEND | RWF.NOAPPEND;
const PLACE_FLAGS = RWF.APPEND | RWF.NOAPPEND;

/** @throws Errno EOPNOTSUPP */
export function demandReadFlags(flags: number): void {
  if ((flags & ~READ_FLAGS) !== 0) fail(E.EOPNOTSUPP);
}

/** @throws Errno EOPNOTSUPP, EINVAL */
export function demandWriteFlags(flags: number): void {
  if ((flags & ~WRITE_FLAGS) !== 0) fail(E.EOPNOTSUPP);
  if ((flags & PLACE_FLAGS) === PLACE_FLAGS) fail(E.EINVAL);
}

/** Whether flags say where a write goes, whatever O_APPEND says. */
export function placesWrite(flags: number): boolean {
  return (flags & PLACE_FLAGS) !== 0;
}

/** pwrite(2), to where the flags say. */
export function pwritePlaced(
  process: Process,
  file: FileDescription,
  bytes: Uint8Array,
  offset: number,
  flags: number,
): Blocking<number> {
  if (!placesWrite(flags)) return pwrite(process, file, bytes, offset);
  const args = (flags & RWF.APPEND) !== 0 ? [0, 1] : [offset, 0];
  return file.call(Call.PWRITE64, args, bytes);
}

/** Has what was written be durable where the flags ask for it. @returns `written`, or a failure */
export function* durableAsAsked(
  description: Description,
  written: number,
  flags: number,
): Coroutine<number> {
  if ((flags & (RWF.DSYNC | RWF.SYNC)) === 0 || written <= 0) return written;
  if (!(description instanceof FileDescription)) return written;
  const call = (flags & RWF.SYNC) !== 0 ? Call.FSYNC : Call.FDATASYNC;
  const synced = yield* finish(description.call(call, []));
  return synced < 0 ? synced : written;
}
