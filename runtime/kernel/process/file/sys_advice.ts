// What programs say of the pages of files that they will want, or want on the disk: posix_fadvise(2),
// readahead(2), sync_file_range(2).
import type { Blocking, Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call } from "../../vfs/protocol.ts";
import { FileDescription } from "./description.ts";
import type { Handlers } from "../handler.ts";
import { request } from "../path/mounts.ts";
import { pipeEnd } from "../pipe/pipe.ts";
import type { Process } from "../process.ts";

/** Advice of posix_fadvise(2), and the highest number there is. */
const WILLNEED = 3, LAST_ADVICE = 5;

/** Begins to read what will be wanted; nothing is dropped on advice. */
function fadvise(
  process: Process,
  fd: number,
  offset: number,
  length: number,
  advice: number,
): Blocking<number> {
  const description = process.description(fd);
  if (pipeEnd(description) !== undefined) fail(E.ESPIPE);
  if (!(description instanceof FileDescription)) return fail(E.EINVAL);
  if ((description.flags & O.PATH) !== 0) fail(E.EBADF);
  if (length < 0 || !(advice >= 0 && advice <= LAST_ADVICE)) fail(E.EINVAL);
  const readable = (description.flags & O.ACCMODE) !== O.WRONLY;
  const isRegular = (description.mode & S.IFMT) === S.IFREG;
  if (advice !== WILLNEED || !readable || !isRegular || offset < 0) return 0;
  return readAhead(description, offset, length === 0 ? Number.MAX_SAFE_INTEGER : length);
}

function readahead(process: Process, fd: number, offset: number, count: number): Blocking<number> {
  const description = process.description(fd);
  if ((description.flags & O.ACCMODE) === O.WRONLY) fail(E.EBADF);
  const file = description instanceof FileDescription ? description : fail(E.EINVAL);
  if ((file.mode & S.IFMT) !== S.IFREG || !(offset >= 0)) fail(E.EINVAL);
  return readAhead(file, offset, count);
}

function readAhead(
  { location }: FileDescription,
  offset: number,
  bytes: number,
): Coroutine<number> {
  return request(location.mount.service, Call.READAHEAD, [location.handle, offset, bytes]);
}

/** `SYNC_FILE_RANGE_WAIT_BEFORE`, `_WRITE`, `_WAIT_AFTER`. */
const ALL_SYNC_RANGE = 7;

/** Writes all of the file's data: more than is asked for. */
function syncFileRange(
  process: Process,
  fd: number,
  offset: number,
  length: number,
  flags: number,
): Blocking<number> {
  const description = process.description(fd);
  if ((flags & ~ALL_SYNC_RANGE) !== 0 || offset < 0 || length < 0) fail(E.EINVAL);
  if (!(description instanceof FileDescription) || !description.seekable) return fail(E.ESPIPE);
  if ((description.flags & O.PATH) !== 0) fail(E.EBADF);
  return flags === 0 ? 0 : description.call(Call.FDATASYNC, []);
}

export const adviceCalls: Handlers = {
  fadvise64: fadvise,
  readahead,
  sync_file_range: syncFileRange,
};
