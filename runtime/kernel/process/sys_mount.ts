// mount(2), umount2(2): file systems in memory, and further places of what the machine has mounted already.
// What programs mount is the primary's own; what slices serve is what the manifest says.
import type { Coroutine } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import { S } from "../vfs/filesystem.ts";
import { Call, Private, WalkFlag } from "../vfs/protocol.ts";
import { FileDescription } from "./description.ts";
import { directoryPath } from "./directory_path.ts";
import type { Handlers } from "./handler.ts";
import { type Location, type Mount, request } from "./mounts.ts";
import type { Process } from "./process.ts";
import { resolve, type Resolved } from "./resolve.ts";

const MS = {
  NOSUID: 1 << 1,
  NODEV: 1 << 2,
  NOEXEC: 1 << 3,
  SYNCHRONOUS: 1 << 4,
  REMOUNT: 1 << 5,
  DIRSYNC: 1 << 7,
  NOATIME: 1 << 10,
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

function* close({ mount, handle }: Location): Coroutine<void> {
  yield* request(mount.service, Call.CLOSE, [handle]);
}

function demandRoot({ credential }: Process): void {
  if (credential.uid !== 0) fail(E.EPERM);
}

/** @throws Errno EPERM, EINVAL for flags that are not there (MS_RDONLY, MS_BIND, MS_MOVE), ENODEV, ENOTDIR */
function* mount(
  process: Process,
  _source: string | undefined,
  target: string,
  type: string | undefined,
  flags: number,
  options: string | undefined,
): Coroutine<number> {
  demandRoot(process);
  if (flags >>> MAGIC_SHIFT === MAGIC) flags &= 0xffff;
  if ((flags & ~(INERT | PROPAGATION | MS.REMOUNT)) !== 0) fail(E.EINVAL);
  const place = yield* resolve(process, process.cwd, target, WalkFlag.FOLLOW);
  let covered = false;
  try {
    if ((flags & (MS.REMOUNT | PROPAGATION)) !== 0) {
      if (!(yield* isRoot(process, place))) fail(E.EINVAL);
    } else {
      if ((place.mode & S.IFMT) !== S.IFDIR) fail(E.ENOTDIR);
      yield* mountOn(process, place, type ?? fail(E.EINVAL), options ?? "");
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
): Coroutine<void> {
  const { mounts, kernel: { local } } = process;
  if (mounts.mounts.length >= MOST_MOUNTS) fail(E.ENOSPC);
  const path = yield* directoryPath(process, place);
  const covers = { mount: place.mount, handle: place.handle };
  const onRoot = yield* isRoot(process, place);
  if (type === "tmpfs" || type === "ramfs") {
    const service = local.memoryMounts.make(options);
    yield* mounts.mount(service, 0, type, path, covers, onRoot);
    return;
  }
  const known = mounts.mounts.find((each) => each.type === type);
  // Another place of what is there: the file systems of disks are where the manifest says.
  if (known === undefined || type === "ext4") fail(E.ENODEV);
  yield* request(known.service, Private.HOLD, [known.root]);
  yield* mounts.add(known.service, known.root, type, path, covers, onRoot);
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
  yield* request(mount.service, Call.SYNC, [mount.root]);
  yield* process.mounts.unmount(mount);
  process.kernel.local.memoryMounts.unmounted(mount.service);
  return 0;
}

/** Whether anybody has something of a mount: a directory, a descriptor, a mapping, another mount. */
function isBusy({ kernel, mounts }: Process, mount: Mount): boolean {
  const here = (location: Location | undefined) => location?.mount === mount;
  if (mounts.mounts.some(({ covers }) => here(covers))) return true;
  if (kernel.memory?.files.mapsAny(`${mount.id}:`)) return true;
  for (const { directories: { root, cwd }, files } of kernel.all) {
    if (here(root) || here(cwd)) return true;
    for (const fd of files.numbers) {
      const description = files.get(fd);
      if (description instanceof FileDescription && here(description.location)) return true;
    }
  }
  return false;
}

export const mountCalls: Handlers = { mount, umount2 };
