// Calls that make, move and remove names: mkdirat(2), mknodat(2), symlinkat(2), linkat(2), unlinkat(2),
// renameat2(2). The directory is walked to, its server does the rest.
import type { Coroutine } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { AT, RENAME } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call, getWalkResult, WalkFlag } from "../../vfs/protocol.ts";
import { STATX_BYTES } from "../../vfs/structures.ts";
import { at } from "./at.ts";
import { FileDescription, type FileOrigin } from "../file/description.ts";
import type { Handlers } from "../handler.ts";
import { IN } from "../event/inotify.ts";
import { getInt } from "../little_endian.ts";
import { close, type Location, request, textPayload } from "./mounts.ts";
import type { Process } from "../process.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { resolve, type Resolved } from "./resolve.ts";
import type { Happening } from "../event/watches.ts";

/** Where `struct statx` has the number of names. */
const STATX_LINKS = 16;

/** A call that changes a name: the parent and the name are sent. */
function onName(
  process: Process,
  parent: Resolved,
  number: number,
  args: number[],
  payload = textPayload(parent.name),
): Coroutine<number> {
  return request(
    parent.mount.service,
    number,
    [parent.handle, parent.name.length, ...args],
    payload,
    process.credential,
  );
}

/** Makes what a name in a directory will lead to. @param mode its type @returns what was made */
function make(
  process: Process,
  fd: number,
  path: string,
  mode: number,
  number: number,
  args: number[],
  ...texts: string[]
): Coroutine<Pick<Resolved, "mount" | "ino" | "generation">> {
  return at(process, fd, path, WalkFlag.PARENT, function* (parent) {
    demandNew(parent);
    if (parent.slash && (mode & S.IFMT) !== S.IFDIR) fail(E.ENOENT);
    const payload = textPayload(parent.name, ...texts);
    yield* onName(process, parent, number, args, payload);
    const made = { ...childOf(parent), mode };
    process.kernel.local.watches.tell(IN.CREATE, made, { selfToo: false });
    const { ino, generation } = getWalkResult(payload);
    return { mount: parent.mount, ino, generation };
  });
}

/** Nobody wants to know what was made. */
function* only(making: Coroutine<unknown>): Coroutine<number> {
  yield* making;
  return 0;
}

/** Makes the file of a socket that is bound to a path. */
export function makeSocketFile(
  process: Process,
  path: string,
): Coroutine<Pick<Resolved, "mount" | "ino" | "generation">> {
  const mode = S.IFSOCK | 0o777;
  return make(process, AT.FDCWD, path, mode, Call.MKNODAT, [mode, 0, process.umask]);
}

/** What a name leads to, as far as its directory tells. */
function childOf(parent: Resolved): Happening {
  const { mount, name } = parent;
  const above = { ino: parent.ino, generation: parent.generation };
  return { mount, ino: 0, generation: 0, mode: 0, above, name };
}

/** What is about to lose its name, and how many it has; looked up only where somebody watches. */
function* watched(
  process: Process,
  parent: Resolved,
): Coroutine<{ file: Happening; links: number } | undefined> {
  if (!process.kernel.local.watches.active) return undefined;
  let found: Resolved;
  try {
    found = yield* resolve(process, parent, parent.name, 0);
  } catch (failure) {
    if (failure instanceof Errno) return undefined;
    throw failure;
  }
  const { service } = found.mount;
  const structure = new Uint8Array(STATX_BYTES);
  try {
    yield* request(service, Call.STATX, [found.handle], structure);
  } finally {
    yield* close(found);
  }
  return { file: found, links: getInt(structure, STATX_LINKS) };
}

/** "", "." and ".." cannot be made. */
function demandNew(parent: Resolved): void {
  if (parent.name === "" || parent.name === "." || parent.name === "..") fail(E.EEXIST);
}

function mkdirat(process: Process, fd: number, path: string, mode: number): Coroutine<number> {
  return only(make(process, fd, path, S.IFDIR, Call.MKDIRAT, [mode & 0o7777, process.umask]));
}

function mknodat(
  process: Process,
  fd: number,
  path: string,
  mode: number,
  rdev: number,
): Coroutine<number> {
  return only(make(process, fd, path, S.IFREG, Call.MKNODAT, [mode, rdev, process.umask]));
}

function symlinkat(process: Process, target: string, fd: number, path: string): Coroutine<number> {
  if (target === "") fail(E.ENOENT);
  return only(make(process, fd, path, S.IFLNK, Call.SYMLINKAT, [target.length], target));
}

function unlinkat(process: Process, fd: number, path: string, flags: number): Coroutine<number> {
  if ((flags & ~AT.REMOVEDIR) !== 0) fail(E.EINVAL);
  const directory = (flags & AT.REMOVEDIR) !== 0;
  return at(process, fd, path, WalkFlag.PARENT, function* (parent) {
    if (parent.name === "") fail(directory ? E.EBUSY : E.EISDIR);
    if (parent.slash && !directory) fail(E.ENOTDIR);
    const victim = yield* watched(process, parent);
    const status = yield* onName(process, parent, Call.UNLINKAT, [flags]);
    const { watches } = process.kernel.local;
    if (victim === undefined) return status;
    if (!directory) watches.tellSelf(IN.ATTRIB, victim.file);
    eachOpen(process.kernel, victim.file, (origin) => {
      origin.unlinked ||= origin.name === parent.name && origin.above.ino === parent.ino;
    });
    if (directory || victim.links === 1) watches.unlinked(victim.file);
    watches.tell(IN.DELETE, victim.file, { selfToo: false });
    return status;
  });
}

/** A file that gets another name. */
interface LinkSource extends Location {
  ino: number;
  generation: number;
}

/** What gets another name: what a path leads to, or a descriptor is of. */
function* linkSource(
  process: Process,
  fd: number,
  path: string,
  flags: number,
  use: (source: LinkSource) => Coroutine<number>,
): Coroutine<number> {
  if (path === "" && (flags & AT.EMPTY_PATH) !== 0 && fd !== AT.FDCWD) {
    // Whoever has a descriptor may not be allowed to go where it leads.
    if (process.credential.uid !== 0) fail(E.ENOENT);
    const { location, origin } = process.file(fd);
    return yield* use({ ...location, ino: origin.ino, generation: origin.generation });
  }
  const follow = (flags & AT.SYMLINK_FOLLOW) !== 0 ? WalkFlag.FOLLOW : 0;
  return yield* at(process, fd, path, follow, use);
}

function linkat(
  process: Process,
  oldFd: number,
  oldPath: string,
  newFd: number,
  newPath: string,
  flags: number,
): Coroutine<number> {
  if ((flags & ~(AT.SYMLINK_FOLLOW | AT.EMPTY_PATH)) !== 0) fail(E.EINVAL);
  return linkSource(process, oldFd, oldPath, flags, function* (source) {
    return yield* at(process, newFd, newPath, WalkFlag.PARENT, function* (parent) {
      demandNew(parent);
      if (parent.slash) fail(E.ENOENT);
      if (source.mount !== parent.mount) fail(E.EXDEV);
      const args = [source.handle, parent.handle, parent.name.length];
      const payload = textPayload(parent.name);
      const { service } = parent.mount;
      const status = yield* request(service, Call.LINKAT, args, payload, process.credential);
      const { watches } = process.kernel.local;
      watches.tellSelf(IN.ATTRIB, { ...childOf(parent), ...source });
      watches.tell(IN.CREATE, childOf(parent), { selfToo: false });
      return status;
    });
  });
}

/** A file has another name: those who watch either directory are told, and it, and who has it open. */
function tellMoved(process: Process, file: Happening, to: Resolved): void {
  const { kernel } = process;
  const { watches } = kernel.local;
  const cookie = watches.nextCookie();
  const moved = { ...file, ...placeOf(to) };
  watches.tell(IN.MOVED_FROM, file, { selfToo: false, cookie });
  watches.tell(IN.MOVED_TO, moved, { selfToo: false, cookie });
  watches.tellSelf(IN.MOVE_SELF, file);
  eachOpen(kernel, file, (origin) => Object.assign(origin, placeOf(to)));
}

/** Visits every description of a file that a process has. */
function eachOpen(
  kernel: ProcessKernel,
  { mount, ino, generation }: Happening,
  visit: (origin: FileOrigin) => void,
): void {
  for (const { files } of kernel.all) {
    for (const fd of files.numbers) {
      const description = files.get(fd);
      if (!(description instanceof FileDescription)) continue;
      const { origin, location } = description;
      const same = origin.ino === ino && origin.generation === generation;
      if (same && location.mount.filesystem === mount.filesystem) visit(origin);
    }
  }
}

function placeOf({ ino, generation, name }: Resolved): Pick<Happening, "above" | "name"> {
  return { above: { ino, generation }, name };
}

function renameat2(
  process: Process,
  oldFd: number,
  oldPath: string,
  newFd: number,
  newPath: string,
  flags: number,
): Coroutine<number> {
  return at(process, oldFd, oldPath, WalkFlag.PARENT, function* (from) {
    return yield* at(process, newFd, newPath, WalkFlag.PARENT, function* (to) {
      if (from.mount !== to.mount) fail(E.EXDEV);
      for (const end of [from, to]) if (end.name === "") fail(E.EBUSY);
      if (from.slash || to.slash) yield* demandDirectory(process, from);
      const moved = yield* watched(process, from);
      const replaced = yield* watched(process, to);
      const args = [from.handle, from.name.length, to.handle, to.name.length, flags];
      const payload = textPayload(from.name, to.name);
      const { service } = from.mount;
      const status = yield* request(service, Call.RENAMEAT2, args, payload, process.credential);
      if (moved === undefined) return status;
      tellMoved(process, moved.file, to);
      if (replaced === undefined) return status;
      if ((flags & RENAME.EXCHANGE) !== 0) tellMoved(process, replaced.file, from);
      else {
        const { watches } = process.kernel.local;
        watches.tellSelf(IN.ATTRIB, replaced.file);
        const directory = (replaced.file.mode & S.IFMT) === S.IFDIR;
        if (directory || replaced.links === 1) watches.unlinked(replaced.file);
      }
      return status;
    });
  });
}

/** A name with a slash behind it must be a directory. @throws Errno ENOTDIR */
function demandDirectory(process: Process, parent: Resolved): Coroutine<void> {
  return at(process, AT.FDCWD, "/", 0, function* () {
    const found = yield* resolve(process, parent, parent.name, WalkFlag.DIRECTORY);
    yield* close(found);
  });
}

export const nameCalls: Handlers = {
  mkdirat,
  mknodat,
  symlinkat,
  linkat,
  unlinkat,
  renameat2,
};
