// Files in memory that have no name (memfd_create(2)): a tmpfs of the primary's own that nobody has mounted.
// Pipes without a name have inodes there, once somebody follows a link to one of their descriptors (proc(5)).
// What seals forbid on the way of a write is checked here, the rest by the inode.
import type { Blocking, Coroutine } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import { MemoryFileSystem, TMPFS_MAGIC } from "../../storage/tmpfs/tmpfs.ts";
import type { MemoryInode } from "../../storage/tmpfs/memory_inode.ts";
import { O, SEAL } from "../../vfs/constants.ts";
import { S } from "../../vfs/filesystem.ts";
import { Call, NOWHERE } from "../../vfs/protocol.ts";
import { FileServer } from "../../vfs/vfs.ts";
import { type Description, FileDescription } from "../file/description.ts";
import type { FifoTable } from "../pipe/fifo.ts";
import { type Location, type Mount, request, unlistedMount } from "./mounts.ts";
import type { Pipe } from "../pipe/pipe.ts";
import type { Process } from "../process.ts";

/** What all such files have together, at most. */
const MOST_BYTES = 256 << 20;
const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2, NOEXEC_SEAL: 8, EXEC: 16 } as const;
const ALL_MFD = Object.values(MFD).reduce<number>((all, each) => all | each, 0);
const NAME_MAX = 249;
const ALL_SEALS = Object.values(SEAL).reduce<number>((all, each) => all | each, 0);
/** Numbers of file systems that are not in the tree. */
const FILESYSTEM = 0;
const WRITE_SEALS = SEAL.WRITE | SEAL.FUTURE_WRITE;

/** An open file of memfd_create. */
export class AnonymousDescription extends FileDescription {
  get inode(): MemoryInode {
    const { handles } = this.location.mount.service as FileServer;
    return handles.get(this.location.handle).inode as MemoryInode;
  }

  override pwrite(from: Uint8Array, offset: number): Blocking<number> {
    // Mappings that could write before may go on to; new writes may not.
    if ((this.inode.seals & SEAL.FUTURE_WRITE) !== 0) fail(E.EPERM);
    return super.pwrite(from, offset);
  }
}

function sealable(description: Description): AnonymousDescription {
  return description instanceof AnonymousDescription ? description : fail(E.EINVAL);
}

export class AnonymousFiles {
  readonly #environment: Environment;
  #filesystem: MemoryFileSystem | undefined;
  #mount: Mount | undefined;

  readonly #pipes = new WeakMap<Pipe, Location>();

  constructor(environment: Environment, private readonly fifos: FifoTable) {
    this.#environment = environment;
  }

  /** Whether a place is one of these files. */
  has(location: Location): boolean {
    return this.#mount !== undefined && location.mount === this.#mount;
  }

  /** @throws Errno EINVAL for unknown flags or a long name, ENOSPC */
  *create(process: Process, name: string, flags: number): Coroutine<FileDescription> {
    if ((flags & ~ALL_MFD) !== 0 || name.length > NAME_MAX) fail(E.EINVAL);
    const both = MFD.EXEC | MFD.NOEXEC_SEAL;
    if ((flags & both) === both) fail(E.EINVAL);
    const executable = (flags & MFD.NOEXEC_SEAL) === 0;
    const { inode, location } = this.#add(process, S.IFREG | (executable ? 0o777 : 0o666));
    if ((flags & (MFD.ALLOW_SEALING | MFD.NOEXEC_SEAL)) !== 0) inode.seals = 0;
    if (!executable) inode.seals |= SEAL.EXEC;
    const { environment, memory } = process.kernel;
    return new AnonymousDescription(
      location,
      O.RDWR | O.LARGEFILE,
      inode.attributes.mode,
      process.credential,
      (body) => environment.tasks.spawn(body),
      {
        ino: inode.ino,
        generation: inode.generation,
        above: NOWHERE,
        name: "",
        watches: process.kernel.local.watches,
        locks: process.kernel.local.locks,
        path: `/memfd:${name} (deleted)`,
        mapped: memory?.files,
      },
    );
  }

  /** Where a pipe without a name can be opened anew. It is there for as long as one of its ends is. */
  placeOf(process: Process, pipe: Pipe): Location {
    const known = this.#pipes.get(pipe);
    if (known !== undefined) return known;
    const { inode, location } = this.#add(process, S.IFIFO | 0o600);
    this.fifos.adopt(`${location.mount.filesystem}:${inode.ino}:${inode.generation}`, pipe);
    this.#pipes.set(pipe, location);
    pipe.onGone = () => {
      this.#pipes.delete(pipe);
      this.#environment.tasks.spawn(this.#close(location));
    };
    return location;
  }

  *#close({ mount, handle }: Location): Coroutine<void> {
    yield* request(mount.service, Call.CLOSE, [handle]);
  }

  /** A new inode, with a handle that is open. */
  #add(process: Process, mode: number): { inode: MemoryInode; location: Location } {
    const filesystem = this.#filesystem ??= new MemoryFileSystem(
      "tmpfs",
      this.#environment,
      TMPFS_MAGIC,
      MOST_BYTES,
    );
    const service = this.#mount?.service ?? new FileServer([filesystem], this.#environment);
    const mount = this.#mount ??= unlistedMount(service, "tmpfs", FILESYSTEM);
    const { uid, gid } = process.credential;
    const inode = filesystem.newInode({ mode, uid, gid });
    inode.attributes.links = 0;
    inode.hold();
    const { handles } = service as FileServer;
    const handle = handles.add(inode, 0);
    Object.assign(handles.get(handle), { readable: true, writable: true });
    return { inode, location: { mount, handle } };
  }

  /** @throws Errno EINVAL for a file that cannot be sealed */
  seals(description: Description): number {
    return sealable(description).inode.seals;
  }

  /** @throws Errno EINVAL, EPERM for one opened to read or sealed against seals, EBUSY where it is mapped to write */
  addSeals(process: Process, description: Description, seals: number): number {
    const { inode, identity } = sealable(description);
    if ((seals & ~ALL_SEALS) !== 0) fail(E.EINVAL);
    if ((description.flags & O.ACCMODE) === O.RDONLY) fail(E.EPERM);
    if ((inode.seals & SEAL.SEAL) !== 0) fail(E.EPERM);
    const files = process.kernel.memory?.files;
    if ((seals & SEAL.WRITE) !== 0 && files?.mappedToWrite(identity)) fail(E.EBUSY);
    // What nobody may make executable any more must not change either, where it is executable.
    const executable = (inode.attributes.mode & 0o111) !== 0;
    if ((seals & SEAL.EXEC) !== 0 && executable) {
      seals |= SEAL.SHRINK | SEAL.GROW | SEAL.WRITE | SEAL.FUTURE_WRITE;
    }
    inode.seals |= seals;
    return 0;
  }

  /** Whether a file may be written by a mapping that is made now. */
  mayMapToWrite(description: FileDescription): boolean {
    return !(description instanceof AnonymousDescription) ||
      (description.inode.seals & WRITE_SEALS) === 0;
  }
}
