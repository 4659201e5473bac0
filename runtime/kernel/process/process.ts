// A user process as the primary's kernel keeps it: identity, directories, descriptors.
import { type Blocking, type Coroutine, finish } from "../coroutine.ts";
import type { Environment } from "../environment.ts";
import { E, fail } from "../errno.ts";
import type { Credential } from "../service.ts";
import { AT } from "../vfs/constants.ts";
import { Private } from "../vfs/protocol.ts";
import { type Description, FileDescription } from "./description.ts";
import { type Location, type MountTable, request } from "./mounts.ts";

/** RLIMIT_NOFILE */
const MAX_DESCRIPTORS = 1024;

/** What all processes of a machine share. */
export interface ProcessKernel {
  readonly environment: Environment;
  readonly mounts: MountTable;
}

export class Process {
  umask = 0o022;
  threads = 1;
  /** status it ended with; undefined while it runs */
  exitStatus: number | undefined;
  readonly #descriptors: ({ description: Description; closeOnExec: boolean } | undefined)[] = [];

  constructor(
    readonly kernel: ProcessKernel,
    readonly pid: number,
    readonly ppid: number,
    readonly name: string,
    readonly argv: string[],
    readonly credential: Credential,
    /** held by the process, as is `cwd` */
    public root: Location,
    public cwd: Location,
  ) {}

  get mounts(): MountTable {
    return this.kernel.mounts;
  }

  /** Where a relative path begins. @throws Errno EBADF, ENOTDIR */
  directory(fd: number): Location {
    if (fd === AT.FDCWD) return this.cwd;
    const file = this.file(fd);
    if (!file.isDirectory) fail(E.ENOTDIR);
    return file.location;
  }

  /** @throws Errno EBADF */
  description(fd: number): Description {
    return this.#descriptors[fd]?.description ?? fail(E.EBADF);
  }

  /** A descriptor that must be of a file on a server. @throws Errno EBADF, EINVAL */
  file(fd: number): FileDescription {
    const description = this.description(fd);
    return description instanceof FileDescription ? description : fail(E.EINVAL);
  }

  closesOnExec(fd: number): boolean {
    return this.#descriptors[fd]?.closeOnExec ?? fail(E.EBADF);
  }

  setCloseOnExec(fd: number, value: boolean): void {
    (this.#descriptors[fd] ?? fail(E.EBADF)).closeOnExec = value;
  }

  /** Gives a description the lowest free descriptor from `least` on. @throws Errno EMFILE, EINVAL */
  addDescription(description: Description, closeOnExec: boolean, least = 0): number {
    if (!(least >= 0 && least < MAX_DESCRIPTORS)) fail(E.EINVAL);
    let fd = least;
    while (this.#descriptors[fd] !== undefined) fd++;
    if (fd >= MAX_DESCRIPTORS) fail(E.EMFILE);
    this.#descriptors[fd] = { description, closeOnExec };
    return fd;
  }

  /** Makes `fd` refer to a description, closing what it referred to. @throws Errno EBADF */
  *replace(fd: number, description: Description, closeOnExec: boolean): Coroutine<number> {
    if (!(fd >= 0 && fd < MAX_DESCRIPTORS)) fail(E.EBADF);
    const old = this.#descriptors[fd];
    this.#descriptors[fd] = { description, closeOnExec };
    if (old !== undefined) yield* finish(releaseUse(old.description));
    return fd;
  }

  /** @throws Errno EBADF */
  close(fd: number): Blocking<void> {
    const { description } = this.#descriptors[fd] ?? fail(E.EBADF);
    this.#descriptors[fd] = undefined;
    if (description instanceof FileDescription && description.lockOwners.has(this)) {
      return this.#closeLocked(description);
    }
    return releaseUse(description);
  }

  /** Closing a descriptor takes the process's locks on the file away (fcntl_locking(2)). */
  *#closeLocked(description: FileDescription): Coroutine<void> {
    yield* description.unlock(this);
    yield* finish(releaseUse(description));
  }

  get descriptors(): number[] {
    return this.#descriptors.flatMap((entry, fd) => entry === undefined ? [] : [fd]);
  }

  /** Another use of a place, for one who keeps it. */
  static *hold(location: Location): Coroutine<Location> {
    yield* request(location.mount.service, Private.HOLD, [location.handle]);
    return { ...location };
  }

  /** Closes everything. Errors of dead servers do not keep a process from ending. */
  *end(status: number): Coroutine<void> {
    this.exitStatus = status;
    for (const fd of this.descriptors) yield* finish(this.close(fd));
  }
}

function releaseUse(description: Description): Blocking<void> {
  return --description.uses === 0 ? description.release() : undefined;
}
