// mount(2), umount2(2): file systems in memory, and further places of what the machine has mounted already.
// What programs mount is the primary's own; what slices serve is what the manifest says.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call, Private, WalkFlag } from "../../vfs/protocol.ts";
import { FileDescription } from "../file/description.ts";
import type { Handlers } from "../handler.ts";
import { close, type Location, type Mount, request } from "./mounts.ts";
import type { Process } from "../process.ts";
import { bind, isRoot, move, pathOf, type Place } from "./mount_places.ts";
import { resolve } from "./resolve.ts";

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
  MOVE: 1 << 13,
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
/** Whether what is mounted below is to be seen at other places of the file system, too: it never is. */
const PROPAGATION = MS.UNBINDABLE | MS.PRIVATE | MS.SLAVE | MS.SHARED;
const MNT_FORCE = 1, MNT_DETACH = 2, UMOUNT_NOFOLLOW = 8;
/** Mounts of programs, at most. */
const MOST_MOUNTS = 1000;

function demandRoot({ credential }: Process): void {
  if (credential.uid !== 0) fail(E.EPERM);
}

/** @throws Errno EPERM, EINVAL for flags that are not there, ENODEV, ENOTDIR, EBUSY, ELOOP */
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
  const known = INERT | PROPAGATION | MS.REMOUNT | MS.BIND | MS.MOVE | MS.RDONLY;
  if ((flags & ~known) !== 0) fail(E.EINVAL);
  const readOnly = (flags & MS.RDONLY) !== 0;
  const place = yield* resolve(process, process.cwd, target, WalkFlag.FOLLOW);
  let covered = false;
  try {
    if ((flags & MS.REMOUNT) !== 0) {
      if (!(yield* isRoot(process, place))) fail(E.EINVAL);
      yield* remount(process, place.mount, readOnly);
    } else if ((flags & MS.BIND) === 0 && (flags & PROPAGATION) !== 0) {
      if (!(yield* isRoot(process, place))) fail(E.EINVAL);
      setPropagation(process, place.mount, flags);
    } else {
      if (process.mounts.mounts.length >= MOST_MOUNTS) fail(E.ENOSPC);
      const at = { place, path: yield* pathOf(process, target, place) };
      const from = source ?? "";
      if ((flags & MS.BIND) !== 0) yield* bind(process, from, at, (flags & MS.REC) !== 0);
      else if ((flags & MS.MOVE) !== 0) yield* move(process, from, at);
      else yield* mountOn(process, at, type ?? fail(E.EINVAL), options ?? "", readOnly);
      covered = true;
    }
    return 0;
  } finally {
    // The mount keeps the handle of what it covers.
    if (!covered) yield* close(place);
  }
}

/**
 * Mounts are private, and slaves of none, which is the same; nothing is shared.
 * @throws Errno EINVAL for MS_SHARED, and for several kinds at once
 */
function setPropagation({ mounts }: Process, mount: Mount, flags: number): void {
  const kind = flags & PROPAGATION, rest = flags & ~PROPAGATION & ~(MS.REC | MS.SILENT);
  if ((kind & kind - 1) !== 0 || rest !== 0 || kind === MS.SHARED) fail(E.EINVAL);
  const all = (flags & MS.REC) !== 0 ? [mount, ...mounts.below(mount)] : [mount];
  for (const each of all) each.unbindable = kind === MS.UNBINDABLE;
}

function* mountOn(
  process: Process,
  { place: covers, path }: Place,
  type: string,
  options: string,
  readOnly: boolean,
): Coroutine<void> {
  const { mounts, kernel: { local } } = process;
  if ((covers.mode & S.IFMT) !== S.IFDIR) fail(E.ENOTDIR);
  const onRoot = yield* isRoot(process, covers);
  if (type === "tmpfs" || type === "ramfs") {
    const service = local.memoryMounts.make(options);
    yield* mounts.mount(service, 0, type, path, covers, { onRoot, readOnly });
    return;
  }
  if (type === "mqueue") {
    yield* mounts.mount(local.queues.server, 0, type, path, covers, { onRoot, readOnly });
    return;
  }
  const known = mounts.mounts.find((each) => each.type === type && !each.bound);
  // Another place of what is there: the file systems of disks are where the manifest says.
  if (known === undefined || type === "ext4") fail(E.ENODEV);
  const { server: service, root } = known;
  yield* request(service, Private.HOLD, [root]);
  yield* mounts.add({ service, root, type, path, covers, readOnly, of: known }, onRoot);
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

/** @throws Errno EPERM, EINVAL for what is no mount and for flags that are not there, EBUSY */
function* umount2(process: Process, target: string, flags: number): Coroutine<number> {
  demandRoot(process);
  if ((flags & ~(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)) !== 0) fail(E.EINVAL);
  const follow = (flags & UMOUNT_NOFOLLOW) === 0 ? WalkFlag.FOLLOW : 0;
  const place = yield* resolve(process, process.cwd, target, follow);
  const { mount } = place, named = yield* isRoot(process, place);
  yield* close(place);
  if (!named) fail(E.EINVAL);
  if (mount.covers === undefined) fail(E.EBUSY);
  if ((flags & MNT_DETACH) === 0 && isBusy(process, mount)) fail(E.EBUSY);
  for (const below of process.mounts.below(mount).reverse()) yield* unmount(process, below);
  yield* unmount(process, mount);
  return 0;
}

function* unmount({ mounts, kernel }: Process, mount: Mount): Coroutine<void> {
  yield* request(mount.server, Call.SYNC, [mount.root]);
  yield* mounts.unmount(mount);
  const elsewhere = mounts.mounts.some(({ server }) => server === mount.server);
  if (!elsewhere) kernel.local.memoryMounts.unmounted(mount.server);
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
