// What is served of a file system through a mount that is read-only (mount(8), ro): calls that would change it are
// refused here, whoever serves it and however it is mounted elsewhere. Devices, pipes and sockets are none of it.
import { type Blocking, type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import type { Service, ServiceCall } from "../../service.ts";
import { changeOf } from "../../vfs/changes.ts";
import { ACCESS, O } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import {
  Call,
  CONTINUES,
  getBytes,
  getWalkResult,
  PATH_MAX,
  Private,
  putBytes,
  WALK_PAYLOAD_BYTES,
} from "../../vfs/protocol.ts";
import { STATX_BYTES } from "../../vfs/structures.ts";

/** Where `struct statx` has the mode. */
const STATX_MODE = 28;
/** Where `struct statfs` has its flags, and those: ST_RDONLY, and ST_VALID. */
const STATFS_FLAGS = 80, READ_ONLY = 0x21;

function changes(flags: number): boolean {
  return (flags & O.ACCMODE) !== O.RDONLY || (flags & O.TRUNC) !== 0;
}

/** Whether an inode is content of its file system, and no way to something else. */
function isContent(mode: number): boolean {
  const type = mode & S.IFMT;
  return type === S.IFREG || type === S.IFDIR || type === S.IFLNK;
}

export class ReadOnlyView implements Service {
  constructor(private readonly server: Service) {}

  get transaction(): number {
    return this.server.transaction;
  }

  get durable(): number {
    return this.server.durable;
  }

  get maxPayloadBytes(): number | undefined {
    return this.server.maxPayloadBytes;
  }

  get spareBytes(): number | undefined {
    return this.server.spareBytes;
  }

  call(call: ServiceCall): Blocking<number> {
    const { number, args } = call;
    switch (changeOf.get(number)) {
      case "name":
        return this.#make(call);
      case "names":
      case "attributes":
      case "contents":
        return fail(E.EROFS);
    }
    // What is opened for writing was refused then.
    switch (number) {
      case Call.FACCESSAT2:
        return (args[1] & ACCESS.WRITE) !== 0 ? this.#mayWrite(call) : this.server.call(call);
      case Call.FSTATFS:
        return this.#usage(call);
      case Private.WALK:
        return changes(args[5] - 1) && args[5] > 0 ? this.#walk(call) : this.server.call(call);
      case Private.OPEN:
        return changes(args[1]) ? this.#open(call) : this.server.call(call);
      case Private.CREATE:
        return this.#create(call);
    }
    return this.server.call(call);
  }

  *#ask(call: ServiceCall, changed: Partial<ServiceCall>): Coroutine<number> {
    return yield* finish(this.server.call({ ...call, ...changed }));
  }

  *#mode(call: ServiceCall, handle: number): Coroutine<number> {
    const payload = new Uint8Array(STATX_BYTES);
    const status = yield* this.#ask(call, { number: Call.STATX, args: [handle], payload });
    return status < 0 ? fail(-status) : payload[STATX_MODE] | payload[STATX_MODE + 1] << 8;
  }

  #close(call: ServiceCall, handle: number): Coroutine<number> {
    return this.#ask(call, { number: Call.CLOSE, args: [handle], payload: new Uint8Array(0) });
  }

  /** The mode of what a name of a directory leads to, without following it; undefined where there is no such name. */
  *#modeOf(call: ServiceCall): Coroutine<number | undefined> {
    const [parent, length] = [call.args[0], call.args[1]];
    const payload = new Uint8Array(WALK_PAYLOAD_BYTES);
    putBytes(getBytes(call.payload, 0, Math.min(length, PATH_MAX)), payload);
    const args = [parent, length, 0, 0, -1, 0];
    let status: number;
    try {
      status = yield* this.#ask(call, { number: Private.WALK, args, payload });
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      status = -failure.errno;
    }
    if (status === -E.ENOENT) return undefined;
    if (status < 0) fail(-status);
    // Something is mounted there.
    if (status === CONTINUES) return S.IFDIR;
    const { mode } = getWalkResult(payload);
    yield* this.#close(call, status);
    return mode;
  }

  *#make(call: ServiceCall): Coroutine<number> {
    return fail((yield* this.#modeOf(call)) === undefined ? E.EROFS : E.EEXIST);
  }

  *#mayWrite(call: ServiceCall): Coroutine<number> {
    const status = yield* this.#ask(call, {});
    if (status >= 0 && isContent(yield* this.#mode(call, call.args[0]))) fail(E.EROFS);
    return status;
  }

  *#usage(call: ServiceCall): Coroutine<number> {
    const status = yield* this.#ask(call, {});
    if (status >= 0) call.payload[STATFS_FLAGS] |= READ_ONLY;
    return status;
  }

  *#open(call: ServiceCall): Coroutine<number> {
    if (isContent(yield* this.#mode(call, call.args[0]))) fail(E.EROFS);
    return yield* this.#ask(call, {});
  }

  /** What a path leads to is looked at before it is opened. */
  *#walk(call: ServiceCall): Coroutine<number> {
    const flags = call.args[5] - 1, args = [...Array.from(call.args).slice(0, 5), 0];
    const handle = yield* this.#ask(call, { args });
    if (handle < 0 || handle === CONTINUES) return handle;
    try {
      if (isContent(getWalkResult(call.payload).mode)) fail(E.EROFS);
      const payload = new Uint8Array(0);
      const status = yield* this.#ask(call, {
        number: Private.OPEN,
        args: [handle, flags],
        payload,
      });
      return status < 0 ? fail(-status) : handle;
    } catch (failure) {
      yield* this.#close(call, handle);
      throw failure;
    }
  }

  /** What is there is opened; nothing is made. */
  *#create(call: ServiceCall): Coroutine<number> {
    const mode = yield* this.#modeOf(call), type = (mode ?? 0) & S.IFMT;
    if (mode === undefined) fail(E.EROFS);
    if (type === S.IFREG && changes(call.args[2]) && (call.args[2] & O.EXCL) === 0) fail(E.EROFS);
    return yield* this.#ask(call, {});
  }
}
