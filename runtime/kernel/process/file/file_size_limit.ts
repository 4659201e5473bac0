// RLIMIT_FSIZE (getrlimit(2)): files do not grow beyond it, and who tries gets SIGXFSZ.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O, SEEK } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call } from "../../vfs/protocol.ts";
import { type Description, FileDescription } from "./description.ts";
import { RLIMIT } from "../limits.ts";
import type { Process } from "../process.ts";
import { SIG } from "../signal/signal.ts";

/** Whether there is a limit at all. */
export function isLimited({ limits }: Process): boolean {
  return limits[RLIMIT.FSIZE].soft !== Infinity;
}

function isLimitedFile(description: Description): description is FileDescription {
  return description instanceof FileDescription && (description.mode & S.IFMT) === S.IFREG;
}

/** @throws Errno EFBIG, with SIGXFSZ */
export function demandSize(process: Process, sizeBytes: number): void {
  if (sizeBytes <= process.limits[RLIMIT.FSIZE].soft) return;
  process.post(process.sender(SIG.XFSZ));
  fail(E.EFBIG);
}

/** What of bytes may be written at an offset. @throws Errno EFBIG, with SIGXFSZ, where none may */
function within(process: Process, offset: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length > 0) demandSize(process, offset + 1);
  return bytes.subarray(0, process.limits[RLIMIT.FSIZE].soft - offset);
}

/** write(2) */
export function write(
  process: Process,
  description: Description,
  bytes: Uint8Array,
): Blocking<number> {
  return isLimited(process) && isLimitedFile(description)
    ? writeWithin(process, description, bytes)
    : description.write(bytes, process);
}

function* writeWithin(
  process: Process,
  file: FileDescription,
  bytes: Uint8Array,
): Coroutine<number> {
  const appends = (file.flags & O.APPEND) !== 0;
  const at = appends ? yield* finish(file.call(Call.LSEEK, [0, SEEK.END])) : file.position;
  return yield* finish(file.write(within(process, at, bytes)));
}

/** pwrite(2) */
export function pwrite(
  process: Process,
  file: FileDescription,
  bytes: Uint8Array,
  offset: number,
): Blocking<number> {
  const allowed = isLimited(process) && isLimitedFile(file)
    ? within(process, offset, bytes)
    : bytes;
  return file.pwrite(allowed, offset);
}
