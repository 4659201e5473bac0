// Path names over several servers: a walk that leaves one server's tree is continued on the next.
import type { Coroutine } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import {
  type Continuation,
  CONTINUES,
  getContinuation,
  getWalkResult,
  Leave,
  PATH_MAX,
  Private,
  SYMLINKS_MAX,
} from "../vfs/protocol.ts";
import { type Location, type MountTable, request, textPayload } from "./mounts.ts";
import type { Process } from "./process.ts";

/** Where a path leads; the handle is the caller's to close. */
export interface Resolved extends Location {
  mode: number;
  /** with WalkFlag.PARENT: the last name, "" or "." when there is none; and whether a slash follows it */
  name: string;
  slash: boolean;
  /** what tells the inode from all others of its mount */
  ino: number;
  generation: number;
}

/**
 * Resolves a path from a directory.
 * @throws Errno ENOENT (also for an empty path), ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, EIO
 */
export function* resolve(
  process: Process,
  start: Location,
  path: string,
  flags: number,
): Coroutine<Resolved> {
  if (path === "") fail(E.ENOENT);
  if (path.length >= PATH_MAX) fail(E.ENAMETOOLONG);
  let at = path.startsWith("/") ? process.root : start;
  let linksLeft = SYMLINKS_MAX;
  for (;;) {
    const payload = textPayload(path);
    const sameServer = at.mount === process.root.mount ? process.root.handle : -1;
    const args = [at.handle, path.length, flags, linksLeft, sameServer];
    const status = yield* request(
      at.mount.service,
      Private.WALK,
      args,
      payload,
      process.credential,
    );
    if (status !== CONTINUES) {
      const { mode, name, flag, ino, generation } = getWalkResult(payload);
      return { mount: at.mount, handle: status, mode, name, slash: flag, ino, generation };
    }
    const continuation = getContinuation(payload);
    linksLeft = Math.min(linksLeft, continuation.linksLeft);
    ({ at, path } = proceed(process.mounts, process.root, at, continuation));
  }
}

/** Where a walk that left a server goes on. */
export function proceed(
  mounts: MountTable,
  root: Location,
  at: Location,
  { reason, mount, rest }: Continuation,
): { at: Location; path: string } {
  switch (reason) {
    case Leave.ABSOLUTE:
      return { at: root, path: rest };
    case Leave.MOUNT: {
      const entered = mounts.byId(mount);
      return { at: { mount: entered, handle: entered.root }, path: rest === "" ? "." : rest };
    }
    case Leave.UP:
      // Above the root of the machine is the root itself.
      if (at.mount.covers === undefined) {
        return { at: { mount: at.mount, handle: at.mount.root }, path: rest === "" ? "." : rest };
      }
      return { at: at.mount.covers, path: `../${rest}` };
    case Leave.PLACE:
      return { at: mounts.places.take(mount), path: rest === "" ? "." : rest };
    case Leave.LINK:
      return { at, path: rest };
    default:
      return fail(E.EIO);
  }
}
