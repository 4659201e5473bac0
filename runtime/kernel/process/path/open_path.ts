// Opens what a path leads to, at its server: what is there, what has to be made, and what gets no name.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O } from "../../vfs/constants.ts";
import {
  CONTINUES,
  getContinuation,
  getWalkResult,
  NOWHERE,
  PATH_MAX,
  Private,
  SYMLINKS_MAX,
  WALK_PAYLOAD_BYTES,
  WalkFlag,
} from "../../vfs/protocol.ts";
import { AnonymousDescription } from "./anonymous_files.ts";
import { FileDescription } from "../file/description.ts";
import { close, type Location, request, textPayload } from "./mounts.ts";
import type { Process } from "../process.ts";
import { proceed, resolve, type Resolved, type Scope } from "./resolve.ts";

/** Opens a path from a directory. @param flags of open(2) @throws Errno */
export function* openPlace(
  process: Process,
  start: Location,
  path: string,
  flags: number,
  mode: number,
  scope: Scope,
): Coroutine<Resolved> {
  if ((flags & O.PATH) !== 0) return yield* openExisting(process, start, path, flags, scope);
  if ((flags & O.TMPFILE) === O.TMPFILE) {
    return yield* openUnnamed(process, start, path, flags, mode, scope);
  }
  return (flags & O.CREAT) !== 0
    ? yield* openOrCreate(process, start, path, flags, mode, scope)
    : yield* openExisting(process, start, path, flags, scope);
}

/** A new file in the file system of a directory, which has no name there (O_TMPFILE). */
function* openUnnamed(
  process: Process,
  start: Location,
  path: string,
  flags: number,
  mode: number,
  scope: Scope,
): Coroutine<Resolved> {
  if ((flags & O.ACCMODE) === O.RDONLY || (flags & O.CREAT) !== 0) fail(E.EINVAL);
  const place = yield* resolve(process, start, path, WalkFlag.FOLLOW | WalkFlag.DIRECTORY, scope);
  const { service } = place.mount;
  try {
    const payload = new Uint8Array(WALK_PAYLOAD_BYTES);
    const args = [place.handle, flags, mode, process.umask];
    const handle = yield* request(service, Private.UNNAMED, args, payload, process.credential);
    const { mode: type, ino, generation } = getWalkResult(payload);
    const { mount } = place;
    return {
      mount,
      handle,
      mode: type,
      name: "",
      slash: false,
      ino,
      generation,
      above: NOWHERE,
    };
  } finally {
    yield* close(place);
  }
}

/** An open file description of what a path led to. @param path as the process said it */
export function describe(
  process: Process,
  opened: Resolved,
  flags: number,
  path: string,
): FileDescription {
  const { environment, memory, local } = process.kernel;
  const kind = local.anonymous.has(opened) ? AnonymousDescription : FileDescription;
  return new kind(
    { mount: opened.mount, handle: opened.handle },
    flags,
    opened.mode,
    process.credential,
    (body) => environment.tasks.spawn(body),
    {
      ino: opened.ino,
      generation: opened.generation,
      above: opened.above,
      name: opened.name,
      path,
      mapped: memory?.files,
      watches: local.watches,
      locks: local.locks,
    },
  );
}

function* openExisting(
  process: Process,
  start: Location,
  path: string,
  flags: number,
  scope: Scope,
): Coroutine<Resolved> {
  const follow = (flags & O.NOFOLLOW) !== 0 ? 0 : WalkFlag.FOLLOW;
  const directory = (flags & O.DIRECTORY) !== 0 ? WalkFlag.DIRECTORY : 0;
  const walk = follow | directory;
  if ((flags & O.PATH) !== 0) return yield* resolve(process, start, path, walk, scope);
  // What changes something is a call of its own.
  if ((flags & O.TRUNC) === 0) return yield* resolve(process, start, path, walk, scope, flags);
  return yield* openHandle(process, yield* resolve(process, start, path, walk, scope), flags);
}

/** Opens what a handle is of; takes the handle back where that fails. */
export function* openHandle(
  process: Process,
  found: Resolved,
  flags: number,
): Coroutine<Resolved> {
  try {
    yield* request(
      found.mount.service,
      Private.OPEN,
      [found.handle, flags],
      undefined,
      process.credential,
    );
    return found;
  } catch (failure) {
    yield* close(found);
    throw failure;
  }
}

/** The last name is looked up and made by its server in one step, so that O_EXCL is exact. */
function* openOrCreate(
  process: Process,
  start: Location,
  path: string,
  flags: number,
  mode: number,
  scope: Scope,
  links = SYMLINKS_MAX,
): Coroutine<Resolved> {
  if (path === "") fail(E.ENOENT);
  if (links === 0) fail(E.ELOOP);
  const parent = yield* resolve(process, start, path, WalkFlag.PARENT, scope);
  if (parent.name === "" || parent.name === ".") return yield* openHandle(process, parent, flags);
  try {
    if (parent.slash) fail(E.EISDIR);
    if (parent.name === "..") return yield* openExisting(process, parent, "..", flags, scope);
    const payload = textPayload(parent.name);
    const args = [parent.handle, parent.name.length, flags, mode, process.umask];
    const status = yield* request(
      parent.mount.service,
      Private.CREATE,
      args,
      payload,
      process.credential,
    );
    if (status !== CONTINUES) {
      const { mode, flag, ino, generation } = getWalkResult(payload);
      const { mount, name } = parent;
      const above = { ino: parent.ino, generation: parent.generation };
      const found = { mount, handle: status, mode, name, slash: false, ino, generation, above };
      return { ...found, made: flag };
    }
    const next = proceed(process.mounts, scope, parent, getContinuation(payload));
    if (next.path.length >= PATH_MAX) fail(E.ENAMETOOLONG);
    return yield* openOrCreate(process, next.at, next.path, flags, mode, scope, links - 1);
  } finally {
    yield* close(parent);
  }
}
