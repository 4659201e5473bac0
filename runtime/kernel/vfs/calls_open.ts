// Calls that lead from a path or a name to a handle, and open what it is of.
import { type Coroutine, finish } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { ServiceCall } from "../service.ts";
import { putStatxOf } from "./calls_file.ts";
import { isSynchronous, newGroup, plainName } from "./calls_name.ts";
import { bequeathed } from "./access_list.ts";
import { ACCESS, FL, O } from "./constants.ts";
import { type Inode, S } from "./filesystem.ts";
import type { Handle } from "./handles.ts";
import { demand, demandUnmarked } from "./permission.ts";
import {
  CONTINUES,
  Leave,
  NOWHERE,
  PATH_MAX,
  Private,
  putContinuation,
  putWalkResult,
  STEADY_STAT,
  SYMLINKS_MAX,
  WALK_RESULT_BYTES,
} from "./protocol.ts";
import { type FileCall, type FileServer, nameArgument } from "./vfs.ts";
import { isDirectory, isSymlink, walk, type WalkArrival } from "./walk.ts";

/** @returns where a path leads; nothing where it goes on elsewhere, as the payload says then */
function* find(
  server: FileServer,
  call: ServiceCall,
): Coroutine<{ start: Handle; end: WalkArrival } | undefined> {
  const [from, , flags, linksLeft, root] = Array.from(call.args);
  const start = server.handles.get(from);
  const end = yield* walk({
    from: start.inode,
    path: nameArgument(call, 0, call.args[1], PATH_MAX),
    flags,
    linksLeft: Math.min(linksLeft, SYMLINKS_MAX),
    root: root < 0 ? undefined : server.handles.get(root).inode,
    credential: call.credential,
    covered: (inode) => server.coveredBy(inode) ?? 0,
  });
  if ("inode" in end) return { start, end };
  putContinuation(call.payload, end);
  return undefined;
}

function* walkTo(server: FileServer, call: ServiceCall): Coroutine<number> {
  const flags = (call.args[5] ?? 0) - 1;
  if (flags >= 0 && (flags & O.TRUNC) !== 0) fail(E.EINVAL);
  const found = yield* find(server, call);
  if (found === undefined) return CONTINUES;
  const { start, end } = found;
  const index = give(server, call, end.inode, start.mount, end.name, end.slash, end.above);
  if (flags >= 0) yield* openGiven(server, index, flags, call, false);
  return index;
}

/** Opens what a call has just been given a handle of, or takes that back. */
function* openGiven(
  server: FileServer,
  index: number,
  flags: number,
  call: ServiceCall,
  made: boolean,
): Coroutine<void> {
  try {
    yield* openInode(server.handles.get(index), flags, call, made);
  } catch (failure) {
    yield* finish(server.close(index));
    throw failure;
  }
}

function* stat(server: FileServer, call: ServiceCall): Coroutine<number> {
  const found = yield* find(server, call);
  if (found === undefined) return CONTINUES;
  const { inode } = found.end;
  try {
    putStatxOf(inode, call);
  } finally {
    yield* finish(inode.release());
  }
  return inode.filesystem.steady === true ? STEADY_STAT : 0;
}

function give(
  server: FileServer,
  call: ServiceCall,
  inode: Inode,
  mount: number,
  name = "",
  flag = false,
  above: { ino: number; generation: number } = NOWHERE,
): number {
  // An answer that does not fit would be a handle that nobody knows.
  const room = call.payload.length >= WALK_RESULT_BYTES + name.length;
  if (!room || server.handles.full) {
    server.releaseLater(inode);
    fail(room ? E.ENFILE : E.EFAULT);
  }
  const handle = server.handles.add(inode, mount);
  const { mode } = inode.attributes;
  const steady = (mode & S.IFMT) === S.IFREG && inode.filesystem.steady === true;
  putWalkResult(call.payload, {
    mount,
    ino: inode.ino,
    generation: inode.generation,
    mode,
    flag,
    steady,
    takesWrites: steady && inode.takesWrites === true,
    name,
    above,
  });
  return handle;
}

/** open(2) of a last name, with its directory already found. */
function* create(server: FileServer, call: ServiceCall): Coroutine<number> {
  const [parentIndex, length, flags, asked, umask] = Array.from(call.args);
  const parent = server.handles.get(parentIndex);
  const name = plainName(call, 0, length, E.EISDIR);
  const directory = parent.inode;
  if (!isDirectory(directory)) fail(E.ENOTDIR);
  demand(directory, call.credential, ACCESS.EXECUTE);
  let inode = yield* finish(directory.lookup(name));
  let made = false;
  if (inode === undefined) {
    if ((flags & O.CREAT) === 0) fail(E.ENOENT);
    demand(directory, call.credential, ACCESS.WRITE);
    const gid = newGroup(directory, call.credential);
    const { mode, lists } = bequeathed(directory.accessLists, S.IFREG | asked & 0o7777, umask);
    const { uid } = call.credential;
    inode = yield* finish(directory.create(name, { mode, uid, gid, lists }));
    if (isSynchronous(directory)) yield* finish(directory.sync(false));
    made = true;
  } else if ((flags & O.CREAT) !== 0 && (flags & O.EXCL) !== 0) {
    yield* finish(inode.release());
    fail(E.EEXIST);
  } else if (isSymlink(inode)) {
    try {
      if ((flags & O.NOFOLLOW) !== 0) fail(E.ELOOP);
      const place = inode.place?.(call.credential);
      if (place !== undefined) {
        putContinuation(call.payload, {
          reason: Leave.PLACE,
          mount: place,
          linksLeft: 0,
          rest: "",
        });
        return CONTINUES;
      }
      const rest = yield* finish(inode.readlink(call.credential));
      putContinuation(call.payload, {
        reason: rest.startsWith("/") ? Leave.ABSOLUTE : Leave.LINK,
        mount: 0,
        linksLeft: 0,
        rest,
      });
      return CONTINUES;
    } finally {
      yield* finish(inode.release());
    }
  }
  const covered = server.coveredBy(inode);
  if (covered !== undefined) {
    yield* finish(inode.release());
    putContinuation(call.payload, {
      reason: Leave.MOUNT,
      mount: covered,
      linksLeft: SYMLINKS_MAX,
      rest: "",
    });
    return CONTINUES;
  }
  const index = give(server, call, inode, parent.mount, "", made);
  // A file that was just made may be opened by its maker in any way, whatever its mode.
  yield* openGiven(server, index, made ? flags & ~O.TRUNC : flags, call, made);
  return index;
}

/** open(2) with O_TMPFILE: a file that a link may name later, unless O_EXCL says that none will. */
function* createUnnamed(server: FileServer, call: ServiceCall): Coroutine<number> {
  const [index, flags, asked, umask] = Array.from(call.args);
  const { inode: directory, mount } = server.handles.get(index);
  if (!isDirectory(directory)) fail(E.ENOTDIR);
  demand(directory, call.credential, ACCESS.EXECUTE | ACCESS.WRITE);
  if (directory.createUnnamed === undefined) return fail(E.EOPNOTSUPP);
  const { uid } = call.credential;
  const gid = newGroup(directory, call.credential);
  const { mode, lists } = bequeathed(directory.accessLists, S.IFREG | asked & 0o7777, umask);
  const inode = yield* finish(directory.createUnnamed({ mode, uid, gid, lists }));
  inode.unnamed = (flags & O.EXCL) === 0;
  const made = give(server, call, inode, mount, "", true);
  Object.assign(server.handles.get(made), accessOf(flags));
  return made;
}

function* open(server: FileServer, call: ServiceCall): Coroutine<number> {
  yield* openInode(server.handles.get(call.args[0]), call.args[1], call, false);
  return 0;
}

function* openInode(
  handle: Handle,
  flags: number,
  call: ServiceCall,
  trusted: boolean,
): Coroutine<void> {
  const { inode } = handle;
  const { mode } = inode.attributes;
  const access = flags & O.ACCMODE;
  const writes = access !== O.RDONLY;
  const type = mode & S.IFMT;
  if (type === S.IFLNK) fail(E.ELOOP);
  if ((flags & O.DIRECTORY) !== 0 && type !== S.IFDIR) fail(E.ENOTDIR);
  if (type === S.IFDIR && (writes || (flags & (O.CREAT | O.TRUNC)) !== 0)) fail(E.EISDIR);
  if (writes && type === S.IFREG && inode.filesystem.readOnly) fail(E.EROFS);
  if (!trusted) {
    const mask = (access !== O.WRONLY ? ACCESS.READ : 0) |
      (writes || (flags & O.TRUNC) !== 0 ? ACCESS.WRITE : 0);
    demand(inode, call.credential, mask);
    demandFlags(inode, flags);
  }
  if ((flags & O.TRUNC) !== 0 && type === S.IFREG) yield* finish(inode.truncate(0));
  Object.assign(handle, accessOf(flags));
}

function root(server: FileServer, call: ServiceCall): number {
  const { root: inode } = server.filesystem(call.args[0]);
  inode.hold();
  return give(server, call, inode, call.args[0]);
}

function* reopen(server: FileServer, call: ServiceCall): Coroutine<number> {
  const [mount, ino, generation, flags] = Array.from(call.args);
  const inode = yield* finish(server.filesystem(mount).inode(ino, generation));
  const index = give(server, call, inode, mount);
  const handle = server.handles.get(index);
  // Permission was checked when it was first opened.
  if (flags >= 0) Object.assign(handle, accessOf(flags));
  if (flags >= 0 && (flags & O.TMPFILE) === O.TMPFILE && inode.attributes.links === 0) {
    inode.unnamed = (flags & O.EXCL) === 0;
  }
  return index;
}

function* inodeBeside(server: FileServer, call: ServiceCall): Coroutine<number> {
  const [index, ino, generation] = Array.from(call.args);
  const { inode: { filesystem }, mount } = server.handles.get(index);
  if (filesystem.findsInodes !== true) fail(E.EOPNOTSUPP);
  const inode = yield* finish(filesystem.inode(ino, generation));
  // What has no name any more may be in use yet, but is not found.
  if (inode.attributes.links === 0 && !inode.unnamed) {
    yield* finish(inode.release());
    fail(E.ESTALE);
  }
  return give(server, call, inode, mount);
}

/** What a handle is for, by the flags it was opened with. */
function accessOf(flags: number): Pick<Handle, "readable" | "writable"> {
  const access = flags & O.ACCMODE;
  return { readable: access !== O.WRONLY, writable: access !== O.RDONLY };
}

/** A file that only grows is opened for nothing else. @throws Errno EPERM */
function demandFlags(inode: Inode, flags: number): void {
  const writes = (flags & O.ACCMODE) !== O.RDONLY;
  if (writes && (flags & O.APPEND) === 0 || (flags & O.TRUNC) !== 0) {
    demandUnmarked(inode, FL.APPEND);
  }
}

export const openCalls: Record<number, FileCall> = {
  [Private.WALK]: walkTo,
  [Private.STAT]: stat,
  [Private.CREATE]: create,
  [Private.UNNAMED]: createUnnamed,
  [Private.OPEN]: open,
  [Private.ROOT]: root,
  [Private.REOPEN]: reopen,
  [Private.INODE]: inodeBeside,
};
