// Places of what is mounted: directories and files at another place as well (mount(8), --bind and --rbind), and mounts
// that move to another one. What is mounted below a place of a file system is not seen at its other places.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call, PATH_MAX, Private, SYMLINKS_MAX, WalkFlag } from "../../vfs/protocol.ts";
import { directoryPath } from "./directory_path.ts";
import { close, type Covered, type Mount, request } from "./mounts.ts";
import type { Process } from "../process.ts";
import { resolve, type Resolved } from "./resolve.ts";

/** Where something is to be mounted, whose handle the mount keeps then. */
export interface Place {
  place: Resolved;
  path: string;
}

const isDirectory = ({ mode }: Resolved) => (mode & S.IFMT) === S.IFDIR;

/** Whether a place is the root of its mount. */
export function* isRoot(
  process: Process,
  { mount, ino, generation }: Resolved,
): Coroutine<boolean> {
  const root = yield* resolve(process, { mount, handle: mount.root }, ".", 0);
  yield* close(root);
  return root.ino === ino && root.generation === generation;
}

/** The path of what another path led to: without symbolic links. */
export function* pathOf(process: Process, text: string, place: Resolved): Coroutine<string> {
  if (isDirectory(place)) return yield* directoryPath(process, place);
  let parent = yield* resolve(process, process.cwd, text, WalkFlag.PARENT);
  for (let links = 0; links < SYMLINKS_MAX; links++) {
    try {
      const named = yield* resolve(process, parent, parent.name, 0);
      const target = yield* targetOf(named);
      if (target === undefined) {
        const above = yield* directoryPath(process, parent);
        return `${above === "/" ? "" : above}/${parent.name}`;
      }
      const next = yield* resolve(process, parent, target, WalkFlag.PARENT);
      [parent] = [next, yield* close(parent)];
    } catch (failure) {
      yield* close(parent);
      throw failure;
    }
  }
  yield* close(parent);
  return fail(E.ELOOP);
}

/** Where a symbolic link leads; undefined for what is none. Closes it. */
function* targetOf(named: Resolved): Coroutine<string | undefined> {
  try {
    if ((named.mode & S.IFMT) !== S.IFLNK) return undefined;
    const payload = new Uint8Array(PATH_MAX);
    const { mount: { service }, handle } = named;
    const length = yield* request(service, Call.READLINKAT, [handle], payload);
    return String.fromCharCode(...payload.subarray(0, length));
  } finally {
    yield* close(named);
  }
}

/**
 * Mounts what is at a path at another place as well.
 * @param whole what is mounted below it, too @throws Errno ENOTDIR where one is a directory and one is none, EINVAL
 */
export function* bind(
  process: Process,
  source: string,
  { place: covers, path }: Place,
  whole: boolean,
): Coroutine<void> {
  const { mounts } = process;
  const from = yield* resolve(process, process.cwd, source, WalkFlag.FOLLOW);
  try {
    const { mount: of, handle: root } = from;
    if (of.unbindable) fail(E.EINVAL);
    if (isDirectory(from) !== isDirectory(covers)) fail(E.ENOTDIR);
    const fromPath = yield* pathOf(process, source, from);
    const isAll = yield* isRoot(process, from), below = fromPath.slice(prefix(of.path).length);
    const made = yield* mounts.add({
      service: of.server,
      root,
      type: of.type,
      path,
      covers,
      readOnly: of.readOnly,
      of,
      within: isAll ? of.within : prefix(of.within) + below,
      bound: of.bound || !isAll,
    }, yield* isRoot(process, covers));
    if (whole) yield* bindBelow(process, of, fromPath, made);
  } catch (failure) {
    yield* close(from);
    throw failure;
  }
}

/** A path to put more names after. */
const prefix = (path: string) => path === "/" ? "" : path;

/** Mounts at a new place what is mounted below the old one. */
function* bindBelow(
  process: Process,
  from: Mount,
  fromPath: string,
  to: Mount,
): Coroutine<void> {
  const { mounts } = process;
  for (const of of [...mounts.mounts]) {
    const { covers, server, root, type, readOnly, within, bound } = of;
    const isBelow = of.path === fromPath || of.path.startsWith(`${prefix(fromPath)}/`);
    if (covers?.mount !== from || of === to || !isBelow || of.unbindable) continue;
    const onRoot = from.over === of;
    const handle = onRoot ? to.root : covers.handle;
    yield* request(to.server, Private.HOLD, [handle]);
    yield* request(server, Private.HOLD, [root]);
    const path = prefix(to.path) + of.path.slice(prefix(fromPath).length);
    const made = yield* mounts.add({
      service: server,
      root,
      type,
      path,
      covers: { ...covers, mount: to, handle },
      readOnly,
      of,
      within,
      bound,
    }, onRoot);
    yield* bindBelow(process, of, of.path, made);
  }
}

/** @throws Errno EINVAL for what is no mount, or of another kind than its new place, ELOOP for a place inside it */
export function* move(
  process: Process,
  source: string,
  { place: covers, path }: Place,
): Coroutine<void> {
  const from = yield* resolve(process, process.cwd, source, WalkFlag.FOLLOW);
  yield* close(from);
  const { mount } = from;
  if (!(yield* isRoot(process, from)) || mount.covers === undefined) fail(E.EINVAL);
  if (isDirectory(from) !== isDirectory(covers)) fail(E.EINVAL);
  for (let at: Covered | undefined = covers; at !== undefined; at = at.mount.covers) {
    if (at.mount === mount) fail(E.ELOOP);
  }
  yield* process.mounts.move(mount, covers, path, yield* isRoot(process, covers));
}
