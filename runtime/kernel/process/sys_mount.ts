// mount(2), umount2(2): file systems in memory, and further places of what the machine has mounted already.
// What programs mount is the primary's own; what slices serve is what the manifest says.
import type { Coroutine } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import { O } from "../vfs/constants.ts";
import { S } from "../vfs/filesystem.ts";
import { Call, Private, WalkFlag } from "../vfs/protocol.ts";
import { FileDescription } from "./description.ts";
import { directoryPath } from "./directory_path.ts";
import type { Handlers } from "./handler.ts";
import { close, type Location, type Mount, request } from "./mounts.ts";
import type { Process } from "./process.ts";
import { resolve, type Resolved } from "./resolve.ts";

const MS = {
  RDONLY: 1 << 0,
  NOSUID: 1 << 1,
  NODEV: 1 << 2,
  NOEXEC: 1 << 3,
  SYNCHRONOUS: 1 << 4,
  REMOUNT: 1 << 5,
  DIRSYNC: 1 << 7,
  NOATIME: 1 << 10,
  BIND: 1 << 12,
  NODIRATIME: 1 << 11,
  REC: 1 << 14,
  SILENT: 1 << 15,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
  LAZYTIME: 1 << 25,
} as const;
/** What old programs put into the upper half of the flags. */
const MAGIC = 0xc0ed, MAGIC_SHIFT = 16;
/** They are taken, and change nothing. */
const INERT = MS.NOSUID | MS.NODEV | MS.NOEXEC | MS.SYNCHRONOUS | MS.DIRSYNC | MS.NOATIME |
  MS.NODIRATIME | MS.REC | MS.SILENT | MS.RELATIME | MS.STRICTATIME | MS.LAZYTIME;
/** Where later mounts below spread to: there is one namespace, so nowhere. */
const PROPAGATION = MS.UNBINDABLE | MS.PRIVATE | MS.SLAVE | MS.SHARED;
const MNT_DETACH = 2, UMOUNT_NOFOLLOW = 8;
/** Mounts of programs, at most. */
const MOST_MOUNTS = 1000;

function demandRoot({ credential }: Process): void {
  if (credential.uid !== 0) fail(E.EPERM);
}

/** @throws Errno EPERM, EINVAL for flags that are not there (MS_MOVE), ENODEV, ENOTDIR, EBUSY */
function* mount(
  process: Process,
  source: string | undefined,
  target: string,
  type: string | undefined,
  flags: number,
  options: string | undefined,
): Coroutine<number> {
  demandRoot(process);
  if (flags >>> MAGIC_SHIFT === MAGIC) flags &= 0xffff;
  if ((flags & ~(INERT | PROPAGATION | MS.REMOUNT | MS.BIND | MS.RDONLY)) !== 0) fail(E.EINVAL);
  const readOnly = (flags & MS.RDONLY) !== 0;
  const place = yield* resolve(process, process.cwd, target, WalkFlag.FOLLOW);
  let covered = false;
  try {
    if ((flags & (MS.REMOUNT | PROPAGATION)) !== 0) {
      if (!(yield* isRoot(process, place))) fail(E.EINVAL);
      if ((flags & MS.REMOUNT) !== 0) yield* remount(process, place.mount, readOnly);
    } else {
      if ((place.mode & S.IFMT) !== S.IFDIR) fail(E.ENOTDIR);
      if (process.mounts.mounts.length >= MOST_MOUNTS) fail(E.ENOSPC);
      if ((flags & MS.BIND) !== 0) yield* bind(process, source ?? fail(E.EINVAL), place);
      else yield* mountOn(process, place, type ?? fail(E.EINVAL), options ?? "", readOnly);
      covered = true;
    }
    return 0;
  } finally {
    // The mount keeps the handle of what it covers.
    if (!covered) yield* close(place);
  }
}

function* mountOn(
  process: Process,
  place: Resolved,
  type: string,
  options: string,
  readOnly: boolean,
): Coroutine<void> {
  const { mounts, kernel: { local } } = process;
  const path = yield* directoryPath(process, place);
  const covers = { mount: place.mount, handle: place.handle };
  const onRoot = yield* isRoot(process, place);
  if (type === "tmpfs" || type === "ramfs") {
    const service = local.memoryMounts.make(options);
    yield* mounts.mount(service, 0, type, path, covers, onRoot, readOnly);
    return;
  }
  const known = mounts.mounts.find((each) => each.type === type && !each.bound);
  // Another place of what is there: the file systems of disks are where the manifest says.
  if (known === undefined || type === "ext4") fail(E.ENODEV);
  const { server: service, root } = known;
  yield* request(service, Private.HOLD, [root]);
  yield* mounts.add({ service, root, type, path, covers, readOnly, of: known }, onRoot);
}

/** Mounts a directory at another place as well. What is mounted below it is seen there, too. @throws Errno ENOTDIR */
function* bind(process: Process, source: string, place: Resolved): Coroutine<void> {
  const { mounts } = process;
  const from = yield* resolve(process, process.cwd, source, WalkFlag.FOLLOW | WalkFlag.DIRECTORY);
  try {
    const { mount: of, handle: root } = from;
    const whole = yield* isRoot(process, from);
    const below = whole ? "" : yield* pathBelow(process, from);
    const covers = { mount: place.mount, handle: place.handle };
    yield* mounts.add({
      service: of.server,
      root,
      type: of.type,
      path: yield* directoryPath(process, place),
      covers,
      readOnly: of.readOnly,
      of,
      within: `${of.within === "/" ? "" : of.within}${below}` || "/",
      bound: of.bound || !whole,
    }, yield* isRoot(process, place));
  } catch (failure) {
    yield* close(from);
    throw failure;
  }
}

/** The path of a directory from the root of its mount on. */
function* pathBelow(process: Process, place: Resolved): Coroutine<string> {
  const path = yield* directoryPath(process, place), { path: top } = place.mount;
  return top !== "/" && path.startsWith(`${top}/`) ? path.slice(top.length) : path;
}

/** @throws Errno EBUSY where files are open for writing that are not to be written any more */
function* remount({ mounts, kernel }: Process, mount: Mount, readOnly: boolean): Coroutine<void> {
  if (readOnly && !mount.readOnly) {
    for (const description of openFiles(kernel.all, mount)) {
      const writes = (description.flags & O.ACCMODE) !== O.RDONLY;
      if (writes && description.seekable) fail(E.EBUSY);
    }
    yield* request(mount.server, Call.SYNC, [mount.root]);
  }
  mounts.restrict(mount, readOnly);
}

/** Whether a place is the root of its mount. */
function* isRoot(process: Process, { mount, ino, generation }: Resolved): Coroutine<boolean> {
  const root = yield* resolve(process, { mount, handle: mount.root }, ".", 0);
  yield* close(root);
  return root.ino === ino && root.generation === generation;
}

/** @throws Errno EPERM, EINVAL for what is no mount and for flags that are not there, EBUSY */
function* umount2(process: Process, target: string, flags: number): Coroutine<number> {
  demandRoot(process);
  if ((flags & ~(MNT_DETACH | UMOUNT_NOFOLLOW)) !== 0) fail(E.EINVAL);
  const follow = (flags & UMOUNT_NOFOLLOW) === 0 ? WalkFlag.FOLLOW : 0;
  const place = yield* resolve(process, process.cwd, target, follow);
  const { mount } = place, named = yield* isRoot(process, place);
  yield* close(place);
  if (!named) fail(E.EINVAL);
  if (mount.covers === undefined) fail(E.EBUSY);
  if ((flags & MNT_DETACH) === 0 && isBusy(process, mount)) fail(E.EBUSY);
  yield* request(mount.server, Call.SYNC, [mount.root]);
  yield* process.mounts.unmount(mount);
  const elsewhere = process.mounts.mounts.some(({ server }) => server === mount.server);
  if (!elsewhere) process.kernel.local.memoryMounts.unmounted(mount.server);
  return 0;
}

/** Whether anybody has something of a mount: a directory, a descriptor, a mapping, another mount. */
function isBusy({ kernel, mounts }: Process, mount: Mount): boolean {
  const here = (location: Location | undefined) => location?.mount === mount;
  if (mounts.mounts.some(({ covers }) => here(covers))) return true;
  // A mapping knows its file, and not by which of its places it was opened.
  const alone = mounts.mounts.every((each) =>
    each === mount || each.filesystem !== mount.filesystem
  );
  if (alone && kernel.memory?.files.mapsAny(`${mount.filesystem}:`)) return true;
  for (const { directories: { root, cwd } } of kernel.all) if (here(root) || here(cwd)) return true;
  return !openFiles(kernel.all, mount).next().done;
}

/** What processes have open of a mount. */
function* openFiles(processes: Iterable<Process>, mount: Mount): Generator<FileDescription, void> {
  for (const { files } of processes) {
    for (const fd of files.numbers) {
      const description = files.get(fd);
      if (description instanceof FileDescription && description.location.mount === mount) {
        yield description;
      }
    }
  }
}

export const mountCalls: Handlers = { mount, umount2 };
