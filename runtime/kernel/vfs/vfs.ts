// The VFS as a file server: takes the calls of protocol.ts, checks everything in them, and works on
// whatever file systems it was given. Reads and writes of cached data complete without a coroutine.
import type { Component } from "../component.ts";
import { type Blocking, type Coroutine, finish, isCoroutine, Mutex } from "../coroutine.ts";
import type { Environment } from "../environment.ts";
import { E, fail } from "../errno.ts";
import type { Service, ServiceCall } from "../service.ts";
import { ACCESS, FL, O } from "./constants.ts";
import { APPEND, type FileSystem, type Inode, S } from "./filesystem.ts";
import { type Handle, HandleTable } from "./handles.ts";
import { LockTable } from "./locks.ts";
import { demand, demandUnmarked } from "./permission.ts";
import {
  Call,
  CONTINUES,
  getBytes,
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
import { attributeCalls } from "./calls_attribute.ts";
import { fileCalls, putStatxOf } from "./calls_file.ts";
import { flagCalls } from "./calls_flags.ts";
import { isSynchronous, nameCalls, newGroup, plainName } from "./calls_name.ts";
import { isDirectory, isSymlink, walk, type WalkArrival } from "./walk.ts";

/** A handler of a call: gets the server, and the call as it came. */
export type FileCall = (server: FileServer, call: ServiceCall) => Blocking<number>;

const handlers = new Map<number, FileCall>(
  [fileCalls, nameCalls, attributeCalls, flagCalls].flatMap(Object.entries<FileCall>).map(
    ([number, handler]) => [Number(number), handler],
  ),
);

export class FileServer implements Service {
  readonly handles = new HandleTable();
  readonly locks = new LockTable();
  /** held by a rename from its checks to its end */
  readonly renaming = new Mutex();
  /** what has something mounted on it, and what */
  readonly #covers = new Map<Inode, number>();

  constructor(readonly filesystems: FileSystem[], readonly environment: Environment) {}

  get transaction(): number {
    return this.filesystems.length === 1
      ? this.filesystems[0].transaction
      : Math.max(...this.filesystems.map((each) => each.transaction));
  }

  get durable(): number {
    return this.filesystems.length === 1
      ? this.filesystems[0].durable
      : Math.max(...this.filesystems.map((each) => each.durable));
  }

  get spareBytes(): number | undefined {
    let least: number | undefined;
    for (const { spareBytes } of this.filesystems) {
      if (spareBytes !== undefined) least = Math.min(least ?? Infinity, spareBytes);
    }
    return least;
  }

  call(call: ServiceCall): Blocking<number> {
    switch (call.number) {
      case Call.PREAD64:
        return this.#read(call);
      case Call.PWRITE64:
        return this.#write(call);
      case Private.NULL:
        return 0;
      case Private.WALK:
        return this.#walk(call);
      case Private.STAT:
        return this.#stat(call);
      case Private.CREATE:
        return this.#create(call);
      case Private.UNNAMED:
        return this.#unnamed(call);
      case Private.OPEN:
        return this.open(this.handles.get(call.args[0]), call.args[1], call);
      case Private.COVER:
        return this.#cover(call.args[0], call.args[1]);
      case Private.ROOT:
        return this.#root(call);
      case Private.REOPEN:
        return this.#reopen(call);
      case Private.RECOVERED:
        return this.#filesystem(call.args[0]).recovered ?? 0;
      case Private.DROP_ORPHANS:
        return this.#dropOrphans();
      case Private.HOLD:
        this.handles.get(call.args[0]).uses++;
        return 0;
      case Call.CLOSE:
        return this.#close(call.args[0]);
      default:
        return (handlers.get(call.number) ?? fail(E.ENOSYS))(this, call);
    }
  }

  #read(call: ServiceCall): Blocking<number> {
    const handle = this.handles.get(call.args[0]);
    if (!handle.readable) fail(E.EBADF);
    if (isDirectory(handle.inode)) fail(E.EISDIR);
    return handle.inode.read(offsetArgument(call.args[1]), call.payload);
  }

  #write(call: ServiceCall): Blocking<number> {
    const handle = this.handles.get(call.args[0]);
    if (!handle.writable) fail(E.EBADF);
    const { inode } = handle;
    const offset = call.args[2] !== 0 ? APPEND : offsetArgument(call.args[1]);
    if (((inode.flags ?? 0) & (FL.IMMUTABLE | FL.SYNC)) !== 0) {
      return this.#writeMarked(inode, offset, call.payload);
    }
    return inode.write(offset, call.payload);
  }

  /** It may have become immutable since it was opened, or keep all on disk that is written. */
  *#writeMarked(inode: Inode, offset: number, bytes: Uint8Array): Coroutine<number> {
    demandUnmarked(inode, FL.IMMUTABLE);
    const written = yield* finish(inode.write(offset, bytes));
    yield* finish(inode.sync(false));
    return written;
  }

  /** @returns where a path leads; nothing where it goes on elsewhere, as the payload says then */
  *#find(call: ServiceCall): Coroutine<{ start: Handle; end: WalkArrival } | undefined> {
    const [from, , flags, linksLeft, root] = Array.from(call.args);
    const start = this.handles.get(from);
    const end = yield* walk({
      from: start.inode,
      path: nameArgument(call, 0, call.args[1], PATH_MAX),
      flags,
      linksLeft: Math.min(linksLeft, SYMLINKS_MAX),
      root: root < 0 ? undefined : this.handles.get(root).inode,
      credential: call.credential,
      covered: (inode) => this.#covers.get(inode) ?? 0,
    });
    if ("inode" in end) return { start, end };
    putContinuation(call.payload, end);
    return undefined;
  }

  *#walk(call: ServiceCall): Coroutine<number> {
    const flags = (call.args[5] ?? 0) - 1;
    if (flags >= 0 && (flags & O.TRUNC) !== 0) fail(E.EINVAL);
    const found = yield* this.#find(call);
    if (found === undefined) return CONTINUES;
    const { start, end } = found;
    const index = this.#give(call, end.inode, start.mount, end.name, end.slash, end.above);
    if (flags >= 0) yield* this.#openGiven(index, flags, call, false);
    return index;
  }

  /** Opens what a call has just been given a handle of, or takes that back. */
  *#openGiven(index: number, flags: number, call: ServiceCall, made: boolean): Coroutine<void> {
    try {
      yield* this.#openInode(this.handles.get(index), flags, call, made);
    } catch (failure) {
      yield* finish(this.#close(index));
      throw failure;
    }
  }

  *#stat(call: ServiceCall): Coroutine<number> {
    const found = yield* this.#find(call);
    if (found === undefined) return CONTINUES;
    const { inode } = found.end;
    try {
      putStatxOf(inode, call);
    } finally {
      yield* finish(inode.release());
    }
    return inode.filesystem.steady === true ? STEADY_STAT : 0;
  }

  #give(
    call: ServiceCall,
    inode: Inode,
    mount: number,
    name = "",
    flag = false,
    above: { ino: number; generation: number } = NOWHERE,
  ): number {
    // An answer that does not fit would be a handle that nobody knows.
    const room = call.payload.length >= WALK_RESULT_BYTES + name.length;
    if (!room || this.handles.full) {
      this.environment.tasks.spawn(releaseLater(inode));
      fail(room ? E.ENFILE : E.EFAULT);
    }
    const handle = this.handles.add(inode, mount);
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
  *#create(call: ServiceCall): Coroutine<number> {
    const [parentIndex, length, flags, mode] = Array.from(call.args);
    const parent = this.handles.get(parentIndex);
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
      inode = yield* finish(
        directory.create(name, S.IFREG | mode & 0o7777, call.credential.uid, gid, 0),
      );
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
    const covered = this.#covers.get(inode);
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
    const index = this.#give(call, inode, parent.mount, "", made);
    // A file that was just made may be opened by its maker in any way, whatever its mode.
    yield* this.#openGiven(index, made ? flags & ~O.TRUNC : flags, call, made);
    return index;
  }

  /** open(2) with O_TMPFILE: a file that a link may name later, unless O_EXCL says that none will. */
  *#unnamed(call: ServiceCall): Coroutine<number> {
    const [index, flags, mode] = Array.from(call.args);
    const { inode: directory, mount } = this.handles.get(index);
    if (!isDirectory(directory)) fail(E.ENOTDIR);
    demand(directory, call.credential, ACCESS.EXECUTE | ACCESS.WRITE);
    if (directory.createUnnamed === undefined) return fail(E.EOPNOTSUPP);
    const { uid } = call.credential;
    const gid = newGroup(directory, call.credential);
    const inode = yield* finish(directory.createUnnamed(S.IFREG | mode & 0o7777, uid, gid));
    inode.unnamed = (flags & O.EXCL) === 0;
    const made = this.#give(call, inode, mount, "", true);
    Object.assign(this.handles.get(made), accessOf(flags));
    return made;
  }

  *open(handle: Handle, flags: number, call: ServiceCall): Coroutine<number> {
    yield* this.#openInode(handle, flags, call, false);
    return 0;
  }

  *#openInode(handle: Handle, flags: number, call: ServiceCall, trusted: boolean): Coroutine<void> {
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

  #close(index: number): Blocking<number> {
    const handle = this.handles.get(index);
    if (--handle.uses > 0) return 0;
    this.handles.remove(index);
    const released = handle.inode.release();
    return isCoroutine(released)
      ? function* () {
        yield* released;
        return 0;
      }()
      : 0;
  }

  #cover(index: number, mount: number): number {
    const { inode } = this.handles.get(index);
    if (mount === 0) {
      if (this.#covers.delete(inode)) this.environment.tasks.spawn(releaseLater(inode));
    } else {
      if (this.#covers.has(inode)) fail(E.EBUSY);
      inode.hold();
      this.#covers.set(inode, mount);
    }
    return 0;
  }

  /** Whether something is mounted on an inode: its name must stay. */
  isCovered(inode: Inode): boolean {
    return this.#covers.has(inode);
  }

  #filesystem(index: number): FileSystem {
    return this.filesystems[index] ?? fail(E.ENODEV);
  }

  #root(call: ServiceCall): number {
    const { root } = this.#filesystem(call.args[0]);
    root.hold();
    return this.#give(call, root, call.args[0]);
  }

  *#reopen(call: ServiceCall): Coroutine<number> {
    const [mount, ino, generation, flags] = Array.from(call.args);
    const inode = yield* finish(this.#filesystem(mount).inode(ino, generation));
    const index = this.#give(call, inode, mount);
    const handle = this.handles.get(index);
    // Permission was checked when it was first opened.
    if (flags >= 0) Object.assign(handle, accessOf(flags));
    if (flags >= 0 && (flags & O.TMPFILE) === O.TMPFILE && inode.attributes.links === 0) {
      inode.unnamed = (flags & O.EXCL) === 0;
    }
    return index;
  }

  *#dropOrphans(): Coroutine<number> {
    for (const filesystem of this.filesystems) {
      if (filesystem.dropOrphans) yield* filesystem.dropOrphans();
    }
    return 0;
  }
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

function* releaseLater(inode: Inode): Coroutine<void> {
  yield* finish(inode.release());
}

/** A name or path at `offset` of the payload. @throws Errno EFAULT, EINVAL, ENAMETOOLONG, ENOENT */
export function nameArgument(
  call: ServiceCall,
  offset: number,
  length: number,
  most: number,
): string {
  if (!(length >= 0) || offset + length > call.payload.length) fail(E.EFAULT);
  if (length > most) fail(E.ENAMETOOLONG);
  const name = getBytes(call.payload, offset, length);
  if (name.includes("\0")) fail(E.EINVAL);
  return name;
}

/** A file position. @throws Errno EINVAL */
export function offsetArgument(value: number): number {
  if (!(value >= 0 && Number.isSafeInteger(value))) fail(E.EINVAL);
  return value;
}

export function createVfs(environment: Environment, needs: Record<string, unknown>): Component {
  return { provides: { files: new FileServer(needs.filesystem as FileSystem[], environment) } };
}
