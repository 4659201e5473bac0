// Path names over several servers: a walk that leaves one server's tree is continued on the next.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import {
  type Continuation,
  CONTINUES,
  getContinuation,
  getWalkResult,
  Leave,
  PATH_MAX,
  Private,
  SYMLINKS_MAX,
  WalkFlag,
} from "../../vfs/protocol.ts";
import { putMount, STATX_BYTES } from "../../vfs/structures.ts";
import { type Location, type Mount, type MountTable, request, textPayload } from "./mounts.ts";
import type { Process } from "../process.ts";

/** Where a path leads; the handle is the caller's to close. */
export interface Resolved extends Location {
  mode: number;
  /**
   * the last name that led there; with WalkFlag.PARENT the one that is left, "" or "." when there is none; and
   * whether a slash follows it
   */
  name: string;
  slash: boolean;
  /** the directory that has the name; inode 0 where it is not known */
  above: { ino: number; generation: number };
  /** what tells the inode from all others of its mount */
  ino: number;
  generation: number;
  /** whether it was made on the way */
  made?: boolean;
}

/** What a walk may not do (openat2(2)). */
export const RESOLVE = {
  NO_XDEV: 1,
  NO_MAGICLINKS: 2,
  NO_SYMLINKS: 4,
  BENEATH: 8,
  IN_ROOT: 16,
  CACHED: 32,
} as const;

/** Where a walk stays: below a directory, and on which ways. */
export interface Scope {
  /** where absolute paths begin, and above which ".." does not lead */
  root: Location;
  /** bits of `RESOLVE` */
  refused: number;
}

/** @throws Errno EXDEV, ELOOP for a way that is refused */
function demandAllowed({ root, refused }: Scope, at: Location, { reason }: Continuation): void {
  switch (reason) {
    case Leave.ABSOLUTE:
      if ((refused & RESOLVE.BENEATH) !== 0) fail(E.EXDEV);
      if ((refused & RESOLVE.NO_XDEV) !== 0 && at.mount !== root.mount) fail(E.EXDEV);
      break;
    case Leave.MOUNT:
      if ((refused & RESOLVE.NO_XDEV) !== 0) fail(E.EXDEV);
      return;
    case Leave.UP:
      if ((refused & RESOLVE.NO_XDEV) !== 0 && at.mount.covers !== undefined) fail(E.EXDEV);
      return;
    case Leave.PLACE:
      if ((refused & (RESOLVE.NO_MAGICLINKS | RESOLVE.NO_SYMLINKS)) !== 0) fail(E.ELOOP);
      if ((refused & (RESOLVE.BENEATH | RESOLVE.IN_ROOT | RESOLVE.NO_XDEV)) !== 0) fail(E.EXDEV);
      return;
  }
  if ((refused & RESOLVE.NO_SYMLINKS) !== 0) fail(E.ELOOP);
}

/**
 * Resolves a path from a directory.
 * @param scope where it has to stay; the root of the process, if it is not said
 * @param opens flags of open(2) without O_TRUNC, with which what it leads to is opened as well
 * @throws Errno ENOENT (also for an empty path), ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, EIO
 */
export function* resolve(
  process: Process,
  start: Location,
  path: string,
  flags: number,
  scope: Scope = { root: process.root, refused: 0 },
  opens?: number,
): Coroutine<Resolved> {
  const more = opens === undefined ? 0 : opens + 1;
  const end = yield* follow(process, start, path, flags, scope, Private.WALK, more);
  const { mount, status, payload } = end;
  const { mode, name, flag, ino, generation, above } = getWalkResult(payload);
  return { mount, handle: status, mode, name, slash: flag, ino, generation, above };
}

/** What stat(2) tells of a path. @returns `struct statx` @throws Errno as `resolve` */
export function* attributesOf(
  process: Process,
  start: Location,
  path: string,
  flags: number,
): Coroutine<Uint8Array> {
  const scope = { root: process.root, refused: 0 };
  const { mount, payload } = yield* follow(process, start, path, flags, scope, Private.STAT, 0);
  const attributes = payload.subarray(0, STATX_BYTES);
  putMount(attributes, mount);
  return attributes;
}

/** Walks from server to server. @returns what the last one answered to the walk, and of which mount it is */
function* follow(
  process: Process,
  start: Location,
  path: string,
  flags: number,
  scope: Scope,
  number: number,
  more: number,
): Coroutine<{ mount: Mount; status: number; payload: Uint8Array }> {
  if (path === "") fail(E.ENOENT);
  if (path.length >= PATH_MAX) fail(E.ENAMETOOLONG);
  const { root, refused } = scope;
  if ((refused & RESOLVE.NO_SYMLINKS) !== 0) flags |= WalkFlag.NO_SYMLINKS;
  if ((refused & RESOLVE.BENEATH) !== 0) {
    if (path.startsWith("/")) fail(E.EXDEV);
    flags |= WalkFlag.BENEATH;
  }
  let at = path.startsWith("/") ? root : start;
  let linksLeft = SYMLINKS_MAX;
  for (;;) {
    const payload = textPayload(path);
    const { mount } = at, stays = mount === root.mount, leaves = !stays && mount.bound;
    const top = stays ? root.handle : leaves ? mount.root : -1;
    const how = leaves ? flags & ~WalkFlag.BENEATH | WalkFlag.LEAVES : flags;
    const args = [at.handle, path.length, how, linksLeft, top, more];
    const status = yield* request(mount.service, number, args, payload, process.credential);
    if (status !== CONTINUES) return { mount, status, payload };
    const continuation = getContinuation(payload);
    linksLeft = Math.min(linksLeft, continuation.linksLeft);
    ({ at, path } = proceed(process.mounts, scope, at, continuation));
  }
}

/** Where a walk that left a server goes on. @throws Errno EXDEV, ELOOP where the scope refuses that */
export function proceed(
  mounts: MountTable,
  scope: Scope,
  at: Location,
  continuation: Continuation,
): { at: Location; path: string } {
  const { reason, mount, rest } = continuation;
  if (scope.refused !== 0) demandAllowed(scope, at, continuation);
  switch (reason) {
    case Leave.ABSOLUTE:
      return { at: scope.root, path: rest };
    case Leave.MOUNT:
      return { at: mounts.entered(mount, at.mount), path: rest === "" ? "." : rest };
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
