// The VFS as a file server: takes the calls of protocol.ts, checks everything in them, and works on
// whatever file systems it was given. Reads and writes of cached data complete without a coroutine.
import type { Component } from "../component.ts";
import { type Blocking, type Coroutine, finish, isCoroutine, Mutex } from "../coroutine.ts";
import type { Environment } from "../environment.ts";
import { E, fail } from "../errno.ts";
import type { Service, ServiceCall } from "../service.ts";
import { attributeCalls } from "./calls_attribute.ts";
import { fileCalls } from "./calls_file.ts";
import { flagCalls } from "./calls_flags.ts";
import { nameCalls } from "./calls_name.ts";
import { openCalls } from "./calls_open.ts";
import { FL } from "./constants.ts";
import { APPEND, type FileSystem, type Inode } from "./filesystem.ts";
import { HandleTable } from "./handles.ts";
import { LockTable } from "./locks.ts";
import { demandUnmarked } from "./permission.ts";
import { Call, getBytes, Private } from "./protocol.ts";
import { isDirectory } from "./walk.ts";

/** A handler of a call: gets the server, and the call as it came. */
export type FileCall = (server: FileServer, call: ServiceCall) => Blocking<number>;

const handlers = new Map<number, FileCall>(
  [openCalls, fileCalls, nameCalls, attributeCalls, flagCalls].flatMap(Object.entries<FileCall>)
    .map(
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
      case Private.COVER:
        return this.#cover(call.args[0], call.args[1]);
      case Private.RECOVERED:
        return this.filesystem(call.args[0]).recovered ?? 0;
      case Private.DROP_ORPHANS:
        return this.#dropOrphans();
      case Private.HOLD:
        this.handles.get(call.args[0]).uses++;
        return 0;
      case Call.CLOSE:
        return this.close(call.args[0]);
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

  /** One use of a handle less; the last one lets go of its inode. */
  close(index: number): Blocking<number> {
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
      if (this.#covers.delete(inode)) this.releaseLater(inode);
    } else {
      if (this.#covers.has(inode)) fail(E.EBUSY);
      inode.hold();
      this.#covers.set(inode, mount);
    }
    return 0;
  }

  /** What is mounted on an inode: its name must stay. */
  coveredBy(inode: Inode): number | undefined {
    return this.#covers.get(inode);
  }

  /** Lets go of an inode where nobody waits for that. */
  releaseLater(inode: Inode): void {
    this.environment.tasks.spawn(releasing(inode));
  }

  /** @throws Errno ENODEV */
  filesystem(index: number): FileSystem {
    return this.filesystems[index] ?? fail(E.ENODEV);
  }

  *#dropOrphans(): Coroutine<number> {
    for (const filesystem of this.filesystems) {
      if (filesystem.dropOrphans) yield* filesystem.dropOrphans();
    }
    return 0;
  }
}

function* releasing(inode: Inode): Coroutine<void> {
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
