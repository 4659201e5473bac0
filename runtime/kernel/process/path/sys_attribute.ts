// Calls about extended attributes (xattr(7)), by path, by path without following, and by descriptor.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { AT, O } from "../../vfs/constants.ts";
import { Call, putBytes, WalkFlag } from "../../vfs/protocol.ts";
import { at } from "./at.ts";
import type { Handlers } from "../handler.ts";
import { request } from "./mounts.ts";
import type { Process } from "../process.ts";
import { eventOf } from "../event/watches.ts";

/** Names are at most this long, values and lists this large. */
const NAME_MAX = 255, VALUE_MAX = 65536;

/** A call on the file that a path leads to, or that a descriptor is of. */
type OnFile = (
  process: Process,
  file: string | number,
  number: number,
  args: number[],
  payload: Uint8Array,
) => Coroutine<number>;

function byPath(flags: number): OnFile {
  return (process, path, number, args, payload) =>
    at(process, AT.FDCWD, path as string, flags, function* (found) {
      const { mount: { service }, handle } = found;
      const all = [handle, ...args];
      const status = yield* request(service, number, all, payload, process.credential);
      const event = eventOf(number, status);
      if (event !== 0) process.kernel.local.watches.tell(event, found, { selfToo: true });
      return status;
    });
}

function* byDescriptor(
  process: Process,
  fd: string | number,
  number: number,
  args: number[],
  payload: Uint8Array,
): Coroutine<number> {
  const file = process.file(fd as number);
  if ((file.flags & O.PATH) !== 0) fail(E.EBADF);
  return yield* finish(file.call(number, args, payload));
}

/** A payload that begins with a name. @throws Errno ERANGE */
function named(name: string, more: number): Uint8Array {
  if (name.length === 0 || name.length > NAME_MAX) fail(E.ERANGE);
  const payload = new Uint8Array(name.length + more);
  putBytes(name, payload);
  return payload;
}

function setter(on: OnFile) {
  return (
    process: Process,
    file: string | number,
    name: string,
    value: Uint8Array,
    flags: number,
  ) => {
    if (value.length > VALUE_MAX) fail(E.E2BIG);
    const payload = named(name, value.length);
    payload.set(value, name.length);
    return on(process, file, Call.FSETXATTR, [name.length, value.length, flags], payload);
  };
}

function getter(on: OnFile) {
  return function* (
    process: Process,
    file: string | number,
    name: string,
    into: Uint8Array,
  ): Coroutine<number> {
    const size = Math.min(into.length, VALUE_MAX);
    const payload = named(name, size);
    const status = yield* on(process, file, Call.FGETXATTR, [name.length, size], payload);
    if (status > 0 && size > 0) into.set(payload.subarray(0, status));
    return status;
  };
}

function lister(on: OnFile) {
  return function* (
    process: Process,
    file: string | number,
    into: Uint8Array,
  ): Coroutine<number> {
    const payload = new Uint8Array(Math.min(into.length, VALUE_MAX));
    const status = yield* on(process, file, Call.FLISTXATTR, [payload.length], payload);
    if (status > 0 && payload.length > 0) into.set(payload.subarray(0, status));
    return status;
  };
}

function remover(on: OnFile) {
  return (process: Process, file: string | number, name: string) =>
    on(process, file, Call.FREMOVEXATTR, [name.length], named(name, 0));
}

const following = byPath(WalkFlag.FOLLOW), notFollowing = byPath(0);

export const attributeCalls: Handlers = {
  setxattr: setter(following),
  lsetxattr: setter(notFollowing),
  fsetxattr: setter(byDescriptor),
  getxattr: getter(following),
  lgetxattr: getter(notFollowing),
  fgetxattr: getter(byDescriptor),
  listxattr: lister(following),
  llistxattr: lister(notFollowing),
  flistxattr: lister(byDescriptor),
  removexattr: remover(following),
  lremovexattr: remover(notFollowing),
  fremovexattr: remover(byDescriptor),
};
