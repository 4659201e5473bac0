// The file system of POSIX message queues (mq_overview(7)): each has a name there, whether it is mounted or not.
import type { Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import { MemoryInode } from "../../storage/tmpfs/memory_inode.ts";
import { MemoryFileSystem } from "../../storage/tmpfs/tmpfs.ts";
import { type NewInode, S } from "../../vfs/filesystem.ts";
import { FileServer } from "../../vfs/vfs.ts";
import type { FileDescription } from "../file/description.ts";
import { type Location, type Mount, unlistedMount } from "../path/mounts.ts";
import type { Process } from "../process.ts";
import { QueueDescription } from "./queue_description.ts";
import { MOST_POSIX_QUEUES, PosixQueue } from "./posix_queue.ts";

const MQUEUE_MAGIC = 0x1980_0202;
/** Its number while it is not in the tree: that of files without names is 0. */
const FILESYSTEM = -1;
/** What stat(2) says of a queue. */
const FILE_BYTES = 80;

export class QueueInode extends MemoryInode {
  readonly queue = new PosixQueue();

  override read(offset: number, into: Uint8Array): number {
    const text = this.queue.text, count = Math.max(0, Math.min(into.length, text.length - offset));
    for (let at = 0; at < count; at++) into[at] = text.charCodeAt(offset + at);
    return count;
  }

  override write(): number {
    return fail(E.EINVAL);
  }

  /** Opening for writing may cut a file, which means nothing here. */
  override truncate(): void {}

  override allocate(): void {
    fail(E.EOPNOTSUPP);
  }
}

/** The one directory: queues and nothing else are in it. */
class QueueDirectory extends MemoryInode {
  override create(name: string, made: NewInode): MemoryInode {
    if ((made.mode & S.IFMT) !== S.IFREG) fail(E.EPERM);
    if (this.entries.size >= MOST_POSIX_QUEUES && made.uid !== 0) fail(E.ENOSPC);
    return super.create(name, made);
  }

  override createUnnamed(): MemoryInode {
    return fail(E.EOPNOTSUPP);
  }

  override link(): void {
    fail(E.EPERM);
  }

  override rename(): void {
    fail(E.EPERM);
  }
}

class QueueFileSystem extends MemoryFileSystem {
  protected override makeInode(ino: number, made: NewInode): MemoryInode {
    if ((made.mode & S.IFMT) === S.IFDIR) return new QueueDirectory(this, ino, made);
    const inode = new QueueInode(this, ino, made);
    inode.attributes.sizeBytes = FILE_BYTES;
    return inode;
  }
}

export class QueueFiles {
  readonly server: FileServer;
  /** by which mq_open(3) finds them */
  readonly mount: Mount;
  readonly #filesystem: QueueFileSystem;

  constructor(environment: Environment) {
    this.#filesystem = new QueueFileSystem("mqueue", environment, MQUEUE_MAGIC, 0);
    this.#filesystem.root.attributes.mode |= 0o1777;
    this.server = new FileServer([this.#filesystem], environment);
    this.mount = unlistedMount(this.server, "mqueue", FILESYSTEM);
  }

  /** Bytes that the queues of a user are counted as. */
  countedBytes(uid: number): number {
    let bytes = 0;
    for (const { inode } of (this.#filesystem.root as MemoryInode).entries.values()) {
      if (inode.attributes.uid === uid) bytes += (inode as QueueInode).queue.countedBytes;
    }
    return bytes;
  }

  /** Whether a place is in it, whatever way leads there. */
  has({ mount }: Location): boolean {
    return mount.server === this.server;
  }

  queueOf({ handle }: Location): PosixQueue | undefined {
    const { inode } = this.server.handles.get(handle);
    return inode instanceof QueueInode ? inode.queue : undefined;
  }

  /** What an open file of it is: a queue, or the directory. */
  describe(process: Process, file: FileDescription): FileDescription {
    const queue = this.queueOf(file.location);
    return queue === undefined ? file : new QueueDescription(process, queue, file);
  }
}
