// Writes core files: where a process was when a signal ended it, as itself, up to its limit (core(5)).
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { AT, O } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call } from "../../vfs/protocol.ts";
import type { FileDescription } from "../file/description.ts";
import { RLIMIT } from "../limits.ts";
import { describe, openPlace } from "../path/open_path.ts";
import type { Process } from "../process.ts";
import { nameCalls } from "../path/sys_name.ts";
import type { Core } from "./core.ts";
import { coreLayout } from "./core_file.ts";
import { eachPiece, segmentsOf } from "./core_memory.ts";
import { coreName, demandPattern } from "./core_name.ts";
import { coreNotes } from "./core_notes.ts";

const MODE = 0o600;
const NS_PER_SECOND = 1_000_000_000n;

export class Cores {
  #pattern = "core";

  /** /proc/sys/kernel/core_pattern */
  get pattern(): string {
    return this.#pattern;
  }

  /** @throws Errno EINVAL */
  set pattern(pattern: string) {
    this.#pattern = demandPattern(pattern);
  }

  /** Writes the core of a process whose threads have ended. @returns whether there is one, be it cut at the limit */
  *write(process: Process, core: Core): Coroutine<boolean> {
    if (this.#pattern === "") return false;
    const { environment } = process.kernel;
    const seconds = Number(environment.realtimeNs() / NS_PER_SECOND);
    try {
      const file = yield* create(process, coreName(this.#pattern, process, core, seconds));
      try {
        yield* fill(process, core, file);
      } finally {
        yield* file.release();
      }
      return true;
    } catch (failure) {
      // The process ends in any case; that there is no core its status says.
      if (failure instanceof Errno) return false;
      throw failure;
    }
  }
}

/** A new file takes the place of one of before. @throws Errno */
function* create(process: Process, path: string): Coroutine<FileDescription> {
  try {
    yield* finish(nameCalls.unlinkat(process, AT.FDCWD, path, 0));
  } catch (failure) {
    if (!(failure instanceof Errno) || failure.errno !== E.ENOENT) throw failure;
  }
  const flags = O.CREAT | O.EXCL | O.WRONLY | O.NOFOLLOW;
  const start = path.startsWith("/") ? process.root : process.cwd;
  const scope = { root: process.root, refused: 0 };
  const opened = yield* openPlace(process, start, path, flags, MODE, scope);
  const file = describe(process, opened, O.WRONLY, path);
  if ((opened.mode & S.IFMT) === S.IFREG) return file;
  yield* file.release();
  return fail(E.EINVAL);
}

/** @throws Errno ENOSPC and others */
function* fill(process: Process, core: Core, file: FileDescription): Coroutine<void> {
  const space = process.memory!;
  const segments = yield* segmentsOf(space);
  const notes = coreNotes(process, core, segments);
  const { headers, offsets, sizeBytes } = coreLayout(segments, notes.length);
  let left = process.limits[RLIMIT.CORE].soft;
  const put = function* (bytes: Uint8Array, at: number): Coroutine<boolean> {
    if (bytes.length > left) return false;
    for (let done = 0; done < bytes.length;) {
      const count = yield* finish(file.pwrite(bytes.subarray(done), at + done));
      if (count <= 0) return fail(count < 0 ? -count : E.ENOSPC);
      done += count;
    }
    left -= bytes.length;
    return true;
  };
  if (!(yield* put(headers, 0)) || !(yield* put(notes, headers.length))) return;
  for (const [index, segment] of segments.entries()) {
    const write = (bytes: Uint8Array, at: number) => put(bytes, offsets[index] + at);
    if (!(yield* eachPiece(space, segment, write))) return;
  }
  // It may end with pages that were left out.
  const status = yield* finish(file.call(Call.FTRUNCATE, [sizeBytes]));
  if (status < 0) fail(-status);
}
