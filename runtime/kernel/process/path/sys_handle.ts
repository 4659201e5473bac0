// Handles of files that outlive descriptors and paths (name_to_handle_at(2), open_by_handle_at(2)): the number of
// an inode, and how often that has been used.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { AT, O } from "../../vfs/constants.ts";
import {
  getWalkResult,
  NOWHERE,
  Private,
  WALK_PAYLOAD_BYTES,
  WalkFlag,
} from "../../vfs/protocol.ts";
import { at } from "./at.ts";
import { FileDescription } from "../file/description.ts";
import type { Handlers } from "../handler.ts";
import { getInt, putInt } from "../little_endian.ts";
import { close, type Location, request } from "./mounts.ts";
import { openHandle } from "./open_path.ts";
import type { Process } from "../process.ts";
import type { Resolved } from "./resolve.ts";
import { privileged } from "../sys_identity.ts";
import { addOpened } from "./sys_open.ts";

/** `struct file_handle`: so many bytes, a type, and those bytes. */
const HEADER_BYTES = 8, MAX_HANDLE_BYTES = 128;
/** FILEID_INO32_GEN: two 32-bit numbers */
const TYPE = 1, HANDLE_BYTES = 8;
const AT_HANDLE_FID = 0x200;
const NAME_FLAGS = AT.EMPTY_PATH | AT.SYMLINK_FOLLOW | AT_HANDLE_FID;

/** Bytes of a `struct file_handle` that says how much room it has. @throws Errno EINVAL */
export function fileHandleBytes(room: number): number {
  return room <= MAX_HANDLE_BYTES ? HEADER_BYTES + room : fail(E.EINVAL);
}

/** A handle of the server on an inode of the file system that a place is in. @throws Errno ESTALE, EOPNOTSUPP */
function* inodeBeside(
  { mount, handle }: Location,
  ino: number,
  generation: number,
): Coroutine<Resolved> {
  const payload = new Uint8Array(WALK_PAYLOAD_BYTES);
  const found = yield* request(mount.service, Private.INODE, [handle, ino, generation], payload);
  const { mode } = getWalkResult(payload);
  return {
    ...{ mount, handle: found, mode, ino, generation },
    ...{ name: "", slash: false, above: NOWHERE },
  };
}

/** @param out `struct file_handle` @param mountId gets the number of its mount, as /proc/PID/mountinfo has it */
function* nameToHandle(
  process: Process,
  fd: number,
  path: string,
  out: Uint8Array,
  mountId: Uint8Array,
  flags: number,
): Coroutine<number> {
  if ((flags & ~NAME_FLAGS) !== 0) fail(E.EINVAL);
  if (path === "" && (flags & AT.EMPTY_PATH) === 0) fail(E.ENOENT);
  const describeHandle = function* (
    place: Location,
    { ino, generation }: { ino: number; generation: number },
  ): Coroutine<number> {
    // That it can be found again shows whether its file system has handles.
    yield* close(yield* inodeBeside(place, ino, generation));
    const room = getInt(out, 0) >>> 0;
    putInt(out, 0, HANDLE_BYTES);
    putInt(mountId, 0, place.mount.id);
    if (room < HANDLE_BYTES) return -E.EOVERFLOW;
    putInt(out, 4, TYPE);
    putInt(out, HEADER_BYTES, ino);
    putInt(out, HEADER_BYTES + 4, generation);
    return 0;
  };
  if (path === "" && fd !== AT.FDCWD) {
    const description = process.description(fd);
    if (!(description instanceof FileDescription)) return fail(E.EOPNOTSUPP);
    return yield* describeHandle(description.location, description.origin);
  }
  const follow = (flags & AT.SYMLINK_FOLLOW) !== 0 ? WalkFlag.FOLLOW : 0;
  return yield* at(
    process,
    fd,
    path === "" ? "." : path,
    follow,
    (found) => describeHandle(found, found),
  );
}

/** @param fd of any file of the file system @param handle `struct file_handle` */
function* openByHandle(
  process: Process,
  fd: number,
  handle: Uint8Array,
  flags: number,
): Coroutine<number> {
  const bytes = getInt(handle, 0) >>> 0;
  if (bytes === 0) fail(E.EINVAL);
  let place: Location = process.cwd;
  if (fd !== AT.FDCWD) {
    const description = process.description(fd);
    if (!(description instanceof FileDescription)) return fail(E.ESTALE);
    place = description.location;
  }
  if (!privileged(process)) fail(E.EPERM);
  if (bytes !== HANDLE_BYTES || getInt(handle, 4) !== TYPE) fail(E.ESTALE);
  const ino = getInt(handle, HEADER_BYTES) >>> 0,
    generation = getInt(handle, HEADER_BYTES + 4) >>> 0;
  const found = yield* inodeBeside(place, ino, generation);
  const opened = (flags & O.PATH) !== 0 ? found : yield* openHandle(process, found, flags);
  return yield* finish(addOpened(process, opened, flags, "/"));
}

export const handleCalls: Handlers = {
  name_to_handle_at: nameToHandle,
  open_by_handle_at: openByHandle,
};
