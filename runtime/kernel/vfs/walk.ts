// Path resolution inside one server (path_resolution(7)): from a directory along names, through
// symbolic links that stay inside, until the end or until the path leaves the server's tree.
import { type Coroutine, finish } from "../coroutine.ts";
import { E, fail } from "../errno.ts";
import type { Credential } from "../service.ts";
import { ACCESS } from "./constants.ts";
import { type Inode, S } from "./filesystem.ts";
import { demand } from "./permission.ts";
import { type Continuation, Leave, NAME_MAX, NOWHERE, PATH_MAX, WalkFlag } from "./protocol.ts";

/** Where a walk ended: at an inode (held for the caller), or somewhere else's business. */
export type WalkEnd = WalkArrival | Continuation;

export interface WalkArrival {
  inode: Inode;
  name: string;
  slash: boolean;
  /** the directory in which `name` was found */
  above: { ino: number; generation: number };
}

export interface WalkRequest {
  from: Inode;
  path: string;
  flags: number;
  linksLeft: number;
  /** ".." stops here, as chroot(2) says; undefined for the root of the file system */
  root: Inode | undefined;
  credential: Credential;
  /** mount that covers a directory; 0 for none */
  covered(inode: Inode): number;
}

export function isDirectory(inode: Inode): boolean {
  return (inode.attributes.mode & S.IFMT) === S.IFDIR;
}

export function isSymlink(inode: Inode): boolean {
  return (inode.attributes.mode & S.IFMT) === S.IFLNK;
}

/** @throws Errno ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG */
export function* walk(request: WalkRequest): Coroutine<WalkEnd> {
  const { flags, credential } = request;
  let rest = request.path;
  let linksLeft = request.linksLeft;
  let inode = request.from;
  let above: WalkArrival["above"] = NOWHERE;
  let called = "";
  inode.hold();
  const leave = function* (reason: number, mount: number, left: string): Coroutine<Continuation> {
    yield* finish(inode.release());
    return { reason, mount, linksLeft, rest: left };
  };
  try {
    for (;;) {
      const { name, after, slash } = nextName(rest);
      if (name === "" || name === ".") {
        if (after !== "") {
          rest = after;
          continue;
        }
        if (((flags & WalkFlag.DIRECTORY) !== 0 || slash) && !isDirectory(inode)) fail(E.ENOTDIR);
        const end = (flags & WalkFlag.PARENT) !== 0 ? name : called;
        return { inode, name: end, slash, above };
      }
      if (!isDirectory(inode)) fail(E.ENOTDIR);
      demand(inode, credential, ACCESS.EXECUTE);
      if (name.length > NAME_MAX) fail(E.ENAMETOOLONG);
      const last = after === "";
      if (last && (flags & WalkFlag.PARENT) !== 0) return { inode, name, slash, above };
      if (name === "..") {
        if (inode === request.root) {
          if ((flags & WalkFlag.BENEATH) !== 0) fail(E.EXDEV);
          if ((flags & WalkFlag.LEAVES) !== 0) return yield* leave(Leave.UP, 0, after);
          rest = after;
          continue;
        }
        if (inode === inode.filesystem.root) return yield* leave(Leave.UP, 0, after);
        above = NOWHERE;
        inode = yield* step(inode, yield* finish(inode.parent()));
        rest = after;
        continue;
      }
      const child = (yield* finish(inode.lookup(name))) ?? fail(E.ENOENT);
      if (isSymlink(child) && (!last || slash || (flags & WalkFlag.FOLLOW) !== 0)) {
        let target: string;
        let place: number | undefined;
        try {
          if (linksLeft-- <= 0 || (flags & WalkFlag.NO_SYMLINKS) !== 0) fail(E.ELOOP);
          place = child.place?.(credential);
          target = place === undefined ? yield* finish(child.readlink(credential)) : "";
        } finally {
          yield* finish(child.release());
        }
        if (place !== undefined) {
          return yield* leave(Leave.PLACE, place, (slash ? "./" : "") + after);
        }
        rest = target + (slash ? "/" : "") + after;
        if (rest.length > PATH_MAX) fail(E.ENAMETOOLONG);
        if (target.startsWith("/")) return yield* leave(Leave.ABSOLUTE, 0, rest);
        continue;
      }
      above = { ino: inode.ino, generation: inode.generation };
      called = name;
      inode = yield* step(inode, child);
      const mount = request.covered(inode);
      if (mount !== 0) return yield* leave(Leave.MOUNT, mount, (slash ? "./" : "") + after);
      if (slash && !isDirectory(inode)) fail(E.ENOTDIR);
      rest = after;
    }
  } catch (failure) {
    yield* finish(inode.release());
    throw failure;
  }
}

function* step(from: Inode, to: Inode): Coroutine<Inode> {
  yield* finish(from.release());
  return to;
}

/** The first name of a path, what follows it, and whether a slash came between. */
function nextName(path: string): { name: string; after: string; slash: boolean } {
  let start = 0;
  while (path.charCodeAt(start) === 47) start++;
  let end = start;
  while (end < path.length && path.charCodeAt(end) !== 47) end++;
  let after = end;
  while (path.charCodeAt(after) === 47) after++;
  return { name: path.slice(start, end), after: path.slice(after), slash: after > end };
}
