// The names of UNIX sockets (unix(7)): abstract ones, and those of socket files, by the inode that a path
// leads to.
import { type Coroutine, finish } from "../../coroutine.ts";
import { E, Errno, fail } from "../../errno.ts";
import { AF } from "../../network/constants.ts";
import { AT } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call, WalkFlag } from "../../vfs/protocol.ts";
import { request } from "../path/mounts.ts";
import type { Process } from "../process.ts";
import { resolve, type Resolved } from "../path/resolve.ts";
import { makeSocketFile } from "../path/sys_name.ts";
import { pathCalls } from "../path/sys_path.ts";
import type { UnixSocket } from "./unix_socket.ts";

/** Most bytes of a name in `struct sockaddr_un`. */
const MAX_NAME_BYTES = 108;

/** Name of a socket that has none. */
export const UNNAMED = Uint8Array.of(AF.UNIX, 0);

export class UnixNames {
  readonly #bound = new Map<string, UnixSocket>();
  #next = 0;

  /**
   * Gives a socket a name.
   * @param named whether it has one already, which is EINVAL if nothing else is wrong
   * @returns the address, and its key for `release`
   */
  *bind(
    process: Process,
    socket: UnixSocket,
    address: Uint8Array,
    named: boolean,
  ): Coroutine<[Uint8Array, string]> {
    const name = nameOf(address);
    if (named && (name.length === 0 || name[0] === 0)) fail(E.EINVAL);
    if (name.length === 0) return this.#bindAutomatically(socket);
    if (name[0] === 0) {
      const key = abstractKey(name, socket.type);
      if (this.#bound.has(key)) fail(E.EADDRINUSE);
      this.#bound.set(key, socket);
      return [address.slice(), key];
    }
    const path = pathOf(name);
    let key: string;
    try {
      // Who finds the file finds the socket: nothing else is waited for.
      key = keyOf(yield* makeSocketFile(process, path));
    } catch (failure) {
      if (failure instanceof Errno && failure.errno === E.EEXIST) fail(E.EADDRINUSE);
      throw failure;
    }
    if (named) {
      yield* finish(pathCalls.unlinkat(process, AT.FDCWD, path, 0));
      fail(E.EINVAL);
    }
    this.#bound.set(key, socket);
    return [address.slice(), key];
  }

  /** Five digits that nobody has. */
  #bindAutomatically(socket: UnixSocket): [Uint8Array, string] {
    for (;;) {
      const digits = (this.#next++ & 0xfffff).toString(16).padStart(5, "0");
      const name = Uint8Array.of(0, ...[...digits].map((each) => each.charCodeAt(0)));
      const key = abstractKey(name, socket.type);
      if (this.#bound.has(key)) continue;
      this.#bound.set(key, socket);
      return [Uint8Array.of(AF.UNIX, 0, ...name), key];
    }
  }

  /** The socket that has a name. @throws Errno ECONNREFUSED, and those of the path */
  *find(process: Process, address: Uint8Array, type: number): Coroutine<UnixSocket> {
    const name = nameOf(address);
    if (name.length === 0) fail(E.ECONNREFUSED);
    const key = name[0] === 0 ? abstractKey(name, type) : yield* fileKey(process, pathOf(name));
    return this.#bound.get(key) ?? fail(E.ECONNREFUSED);
  }

  /** All sockets that have names. */
  get all(): Iterable<UnixSocket> {
    return this.#bound.values();
  }

  release(key: string, socket: UnixSocket): void {
    if (this.#bound.get(key) === socket) this.#bound.delete(key);
  }
}

/** @throws Errno EINVAL */
function nameOf(address: Uint8Array): Uint8Array {
  if (address.length < 2 || address.length > 2 + MAX_NAME_BYTES) fail(E.EINVAL);
  if ((address[0] | address[1] << 8) !== AF.UNIX) fail(E.EINVAL);
  return address.subarray(2);
}

/** Each type of sockets has abstract names of its own. */
function abstractKey(name: Uint8Array, type: number): string {
  return `@${type} ${String.fromCharCode(...name)}`;
}

function pathOf(name: Uint8Array): string {
  const end = name.indexOf(0);
  return String.fromCharCode(...(end < 0 ? name : name.subarray(0, end)));
}

/** What tells the inode of a socket file from all others. */
function keyOf({ mount, ino, generation }: Pick<Resolved, "mount" | "ino" | "generation">): string {
  return `${mount.filesystem}:${ino}:${generation}`;
}

/** The key of what a path leads to. @throws Errno ECONNREFUSED where it is no socket file */
function* fileKey(process: Process, path: string): Coroutine<string> {
  const found = yield* resolve(process, process.cwd, path, WalkFlag.FOLLOW);
  const { mount, handle, mode } = found;
  yield* request(mount.service, Call.CLOSE, [handle]);
  if ((mode & S.IFMT) !== S.IFSOCK) fail(E.ECONNREFUSED);
  return keyOf(found);
}
