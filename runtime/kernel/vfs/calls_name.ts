// Calls that make, remove and move names in directories. The directory is a handle, the name is one
// name: paths have been walked before.
import { type Coroutine, finish } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { Credential, ServiceCall } from "../service.ts";
import { bequeathed } from "./access_list.ts";
import { ACCESS, AT, FL, RENAME } from "./constants.ts";
import { type Inode, S, SYMLINK_MODE } from "./filesystem.ts";
import { demand, demandSticky, demandUnmarked } from "./permission.ts";
import { Call, NAME_MAX, NOWHERE, PATH_MAX, putWalkResult } from "./protocol.ts";
import { type FileCall, type FileServer, nameArgument } from "./vfs.ts";
import { isDirectory } from "./walk.ts";

/** Flags of a file whose names and attributes stay as they are. */
const MARKS = FL.IMMUTABLE | FL.APPEND;

/** One name, not "." nor "..". @throws Errno with the number given for those */
export function plainName(call: ServiceCall, offset: number, length: number, dots: number): string {
  const name = nameArgument(call, offset, length, NAME_MAX);
  if (name === "") fail(E.ENOENT);
  if (name === "." || name === ".." || name.includes("/")) fail(dots);
  return name;
}

/** @throws Errno unless the caller may change the names in a directory */
function demandChange(directory: Inode, credential: Credential): void {
  if (!isDirectory(directory)) fail(E.ENOTDIR);
  if (directory.filesystem.readOnly) fail(E.EROFS);
  demand(directory, credential, ACCESS.WRITE | ACCESS.EXECUTE);
}

/** A name that leads to an inode is taken away. @throws Errno EPERM */
function demandRemoval(directory: Inode, victim: Inode, credential: Credential): void {
  demandUnmarked(directory, FL.APPEND);
  demandSticky(directory.attributes, victim.attributes, credential);
  demandUnmarked(victim, MARKS);
}

/** Group of a new file: the directory's where it is set-group-id. */
export function newGroup(directory: Inode, credential: Credential): number {
  return (directory.attributes.mode & S.ISGID) !== 0 ? directory.attributes.gid : credential.gid;
}

/** Tells what was made, and lets go of it. */
function* tellMade(call: ServiceCall, mount: number, made: Inode): Coroutine<number> {
  const { ino, generation, attributes: { mode } } = made;
  putWalkResult(call.payload, {
    mount,
    ino,
    generation,
    mode,
    flag: true,
    steady: false,
    takesWrites: false,
    name: "",
    above: NOWHERE,
  });
  yield* finish(made.release());
  return 0;
}

/** Makes a file, directory, device or FIFO. */
function* make(
  server: FileServer,
  call: ServiceCall,
  asked: number,
  umask: number,
  rdev: number,
): Coroutine<number> {
  const { inode: parent } = server.handles.get(call.args[0]);
  const name = plainName(call, 0, call.args[1], E.EEXIST);
  if (!isDirectory(parent)) fail(E.ENOTDIR);
  const existing = yield* finish(parent.lookup(name));
  if (existing !== undefined) {
    yield* finish(existing.release());
    fail(E.EEXIST);
  }
  demandChange(parent, call.credential);
  const { mode, lists } = bequeathed(parent.accessLists, asked, umask);
  const { uid } = call.credential, gid = newGroup(parent, call.credential);
  const made = yield* finish(parent.create(name, { mode, uid, gid, rdev, lists }));
  return yield* tellMade(call, server.handles.get(call.args[0]).mount, made);
}

const mkdir: FileCall = (server, call) => {
  const inherited = server.handles.get(call.args[0]).inode.attributes.mode & S.ISGID;
  return make(server, call, S.IFDIR | call.args[2] & 0o1777 | inherited, call.args[3], 0);
};

const mknod: FileCall = (server, call) => {
  const mode = call.args[2];
  const type = (mode & S.IFMT) || S.IFREG;
  if (![S.IFREG, S.IFCHR, S.IFBLK, S.IFIFO, S.IFSOCK].includes(type as typeof S.IFREG)) {
    fail(E.EINVAL);
  }
  if ((type === S.IFCHR || type === S.IFBLK) && call.credential.uid !== 0) fail(E.EPERM);
  return make(server, call, type | mode & 0o7777, call.args[4], call.args[3]);
};

function* unlink(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode: parent } = server.handles.get(call.args[0]);
  const directory = (call.args[2] & AT.REMOVEDIR) !== 0;
  const raw = nameArgument(call, 0, call.args[1], NAME_MAX);
  if (raw === ".") fail(directory ? E.EINVAL : E.EISDIR);
  if (raw === "..") fail(directory ? E.ENOTEMPTY : E.EISDIR);
  const name = plainName(call, 0, call.args[1], E.EINVAL);
  if (!isDirectory(parent)) fail(E.ENOTDIR);
  const victim = (yield* finish(parent.lookup(name))) ?? fail(E.ENOENT);
  try {
    demandChange(parent, call.credential);
    demandRemoval(parent, victim, call.credential);
    if (directory) {
      if (!isDirectory(victim)) fail(E.ENOTDIR);
      if (server.coveredBy(victim) !== undefined) fail(E.EBUSY);
      yield* finish(parent.rmdir(name));
    } else {
      if (isDirectory(victim)) fail(E.EISDIR);
      if (server.coveredBy(victim) !== undefined) fail(E.EBUSY);
      yield* finish(parent.unlink(name));
    }
  } finally {
    yield* finish(victim.release());
  }
  return 0;
}

function* symlink(server: FileServer, call: ServiceCall): Coroutine<number> {
  const { inode: parent } = server.handles.get(call.args[0]);
  const name = plainName(call, 0, call.args[1], E.EEXIST);
  const target = nameArgument(call, call.args[1], call.args[2], PATH_MAX);
  if (target === "") fail(E.ENOENT);
  demandChange(parent, call.credential);
  const { uid } = call.credential, gid = newGroup(parent, call.credential);
  const made = yield* finish(parent.create(name, { mode: SYMLINK_MODE, uid, gid, target }));
  return yield* tellMade(call, server.handles.get(call.args[0]).mount, made);
}

function* link(server: FileServer, call: ServiceCall): Coroutine<number> {
  const source = server.handles.get(call.args[0]);
  const parent = server.handles.get(call.args[1]);
  const name = plainName(call, 0, call.args[2], E.EEXIST);
  if (source.inode.filesystem !== parent.inode.filesystem) fail(E.EXDEV);
  if (source.inode.attributes.links === 0 && !source.inode.unnamed) fail(E.ENOENT);
  demandChange(parent.inode, call.credential);
  demandUnmarked(source.inode, MARKS);
  if (isDirectory(source.inode)) {
    const taken = yield* finish(parent.inode.lookup(name));
    if (taken === undefined) fail(E.EPERM);
    yield* finish(taken.release());
    fail(E.EEXIST);
  }
  yield* finish(parent.inode.link(name, source.inode));
  return 0;
}

function* rename(server: FileServer, call: ServiceCall): Coroutine<number> {
  const [oldIndex, oldLength, newIndex, newLength, flags] = Array.from(call.args);
  const from = server.handles.get(oldIndex).inode, to = server.handles.get(newIndex).inode;
  const oldName = plainName(call, 0, oldLength, E.EBUSY);
  const newName = plainName(call, oldLength, newLength, E.EBUSY);
  if (
    (flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE)) !== 0 ||
    flags === (RENAME.NOREPLACE | RENAME.EXCHANGE)
  ) fail(E.EINVAL);
  if (from.filesystem !== to.filesystem) fail(E.EXDEV);
  demandChange(from, call.credential);
  demandChange(to, call.credential);
  // Two directories that move into each other would both pass the check and leave the tree.
  yield* server.renaming.acquire();
  let moved: Inode | undefined, replaced: Inode | undefined;
  try {
    moved = (yield* finish(from.lookup(oldName))) ?? fail(E.ENOENT);
    replaced = yield* finish(to.lookup(newName));
    demandRemoval(from, moved, call.credential);
    if (replaced !== undefined) demandRemoval(to, replaced, call.credential);
    if (
      server.coveredBy(moved) !== undefined ||
      replaced !== undefined && server.coveredBy(replaced) !== undefined
    ) {
      fail(E.EBUSY);
    }
    if (isDirectory(moved) && (yield* isInside(to, moved))) fail(E.EINVAL);
    if ((flags & RENAME.EXCHANGE) !== 0) {
      if (replaced === undefined) fail(E.ENOENT);
      if (isDirectory(replaced) && (yield* isInside(from, replaced))) fail(E.EINVAL);
    } else if (replaced !== undefined) {
      if ((flags & RENAME.NOREPLACE) !== 0) fail(E.EEXIST);
      if (replaced === moved) return 0;
      if (isDirectory(replaced) && (yield* isInside(from, replaced))) fail(E.ENOTEMPTY);
      if (isDirectory(moved) && !isDirectory(replaced)) fail(E.ENOTDIR);
      if (!isDirectory(moved) && isDirectory(replaced)) fail(E.EISDIR);
    }
    yield* finish(from.rename(oldName, to, newName, (flags & RENAME.EXCHANGE) !== 0));
  } finally {
    if (moved !== undefined) yield* finish(moved.release());
    if (replaced !== undefined) yield* finish(replaced.release());
    server.renaming.release();
  }
  return 0;
}

/** Whether `inode` is `directory` or somewhere below it. */
function* isInside(inode: Inode, directory: Inode): Coroutine<boolean> {
  inode.hold();
  for (let at = inode;;) {
    if (at === directory || at === at.filesystem.root) {
      const inside = at === directory;
      yield* finish(at.release());
      return inside;
    }
    const parent: Inode = yield* finish(at.parent());
    yield* finish(at.release());
    at = parent;
  }
}

/** Whether changes of a directory's names are to be on disk when their call returns. */
export function isSynchronous({ flags = 0 }: Inode): boolean {
  return (flags & (FL.DIRSYNC | FL.SYNC)) !== 0;
}

/** @param first which argument is a directory whose names change, as is @param second */
function durable(handler: FileCall, first: number, second = first): FileCall {
  function* wait(server: FileServer, call: ServiceCall, inodes: Inode[]): Coroutine<number> {
    const status = yield* finish(handler(server, call));
    for (const inode of inodes) if (isSynchronous(inode)) yield* finish(inode.sync(false));
    return status;
  }
  return (server, call) => {
    const one = server.handles.get(call.args[first]).inode;
    const other = server.handles.get(call.args[second]).inode;
    return isSynchronous(one) || isSynchronous(other)
      ? wait(server, call, [one, other])
      : handler(server, call);
  };
}

export const nameCalls: Record<number, FileCall> = {
  [Call.MKDIRAT]: durable(mkdir, 0),
  [Call.MKNODAT]: durable(mknod, 0),
  [Call.UNLINKAT]: durable(unlink, 0),
  [Call.SYMLINKAT]: durable(symlink, 0),
  [Call.LINKAT]: durable(link, 1),
  [Call.RENAMEAT2]: durable(rename, 0, 2),
};
