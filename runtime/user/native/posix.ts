// The POSIX face of native programs: TypeScript modules that export `main(sys, argv, env)`. Every
// method is one system call or a few, through the same handlers and rings that ELF programs use.
import { callNumber } from "../../../schemas/syscalls.ts";
import { AT, F, LOCK, O, POLL, SEEK } from "../../kernel/vfs/constants.ts";
import { S } from "../../kernel/vfs/filesystem.ts";
import { toByteString } from "../../kernel/vfs/protocol.ts";
import type { Lock } from "../../kernel/process/file/sys_fcntl.ts";
import { ExitProgram, PosixError } from "./program_end.ts";
import {
  decodeEntries,
  decodeStat,
  type Entry,
  type PollEntry,
  type Stat,
  timeOf,
  timespec,
} from "./structures.ts";

export { AT, F, LOCK, O, POLL, S, SEEK };

/** Room for a file whose size is not known, at first. */
const UNKNOWN_SIZE_BYTES = 4096;

/** What a program's thread has of the kernel. */
export interface ThreadKernel {
  /** makes a system call by number; resolves to its status, negative for an error */
  invoke(number: number, ...args: unknown[]): Promise<number>;
  /** starts another thread of the process */
  startThread(body: (sys: Sys) => Promise<void>): Promise<void>;
}

const numbers = new Map<string, number>();
const BUFFER_BYTES = 65536;

function numberOf(name: string): number {
  let number = numbers.get(name);
  if (number === undefined) numbers.set(name, number = callNumber(name));
  return number;
}

/**
 * The system calls of one thread: each is that of the manual, whose page is named, with its errors. A method that
 * fails rejects with a {@link PosixError}. Offsets and lengths are bytes, the mode of a file is its permissions (0o644),
 * and paths that do not begin with a slash go from the working directory.
 */
export class Sys {
  /** Made by whoever starts the thread. @param kernel what the thread calls */
  constructor(private readonly kernel: ThreadKernel) {}

  /**
   * Makes a call by name, for what has no method.
   * @param name as the table of `schemas/syscalls.ts` has it, which says what its arguments are, too
   * @param subject what the call is about, for the message of its error
   * @returns what the call returns: 0 or more
   * @throws PosixError
   */
  async call(name: string, subject: string, ...args: unknown[]): Promise<number> {
    const status = await this.kernel.invoke(numberOf(name), ...args);
    if (status < 0) throw new PosixError(-status, name, subject);
    return status;
  }

  /**
   * open(2). @param flags of `O` @param mode of a file that is made, less the umask
   * @returns the lowest free descriptor
   */
  open(path: string, flags: number = O.RDONLY, mode = 0o666): Promise<number> {
    return this.call("openat", path, AT.FDCWD, toByteString(path), flags, mode);
  }

  /** close(2): gives a descriptor back, whatever it says of errors */
  async close(fd: number): Promise<void> {
    await this.call("close", String(fd), fd);
  }

  /** read(2), at the offset of the descriptor. @returns the bytes read, which may be fewer; 0 at the end */
  read(fd: number, into: Uint8Array): Promise<number> {
    return this.call("read", String(fd), fd, into);
  }

  /** pread(2), at an offset. @returns the bytes read; 0 at the end */
  pread(fd: number, into: Uint8Array, offset: number): Promise<number> {
    return this.call("pread64", String(fd), fd, into, offset);
  }

  /** write(2), at the offset of the descriptor. @returns the bytes written, which may be fewer */
  write(fd: number, from: Uint8Array): Promise<number> {
    return this.call("write", String(fd), fd, from);
  }

  /** pwrite(2), at an offset. @returns the bytes written, which may be fewer */
  pwrite(fd: number, from: Uint8Array, offset: number): Promise<number> {
    return this.call("pwrite64", String(fd), fd, from, offset);
  }

  /** Writes all of it at the offset of the descriptor, however many calls of write(2) that takes. */
  async writeAll(fd: number, from: Uint8Array): Promise<void> {
    for (let done = 0; done < from.length;) done += await this.write(fd, from.subarray(done));
  }

  /** lseek(2). @param whence of `SEEK` @returns the offset from the start */
  seek(fd: number, offset: number, whence: number = SEEK.SET): Promise<number> {
    return this.call("lseek", String(fd), fd, offset, whence);
  }

  /** fsync(2): resolves when content and metadata are on the image */
  async fsync(fd: number): Promise<void> {
    await this.call("fsync", String(fd), fd);
  }

  /** fdatasync(2): resolves when the content can be read back after a crash */
  async fdatasync(fd: number): Promise<void> {
    await this.call("fdatasync", String(fd), fd);
  }

  /** sync(2), for all mounted file systems */
  async sync(): Promise<void> {
    await this.call("sync", "");
  }

  /** ftruncate(2): cuts a file, or lengthens it with zeros */
  async ftruncate(fd: number, size: number): Promise<void> {
    await this.call("ftruncate", String(fd), fd, size);
  }

  /** truncate(2): cuts a file, or lengthens it with zeros */
  async truncate(path: string, size: number): Promise<void> {
    await this.call("truncate", path, toByteString(path), size);
  }

  /** fallocate(2): gives a range of a file space on the disk, or takes it away, as the bits of `mode` say */
  async fallocate(fd: number, mode: number, offset: number, length: number): Promise<void> {
    await this.call("fallocate", String(fd), fd, mode, offset, length);
  }

  /** stat(2): what a path leads to */
  stat(path: string): Promise<Stat> {
    return this.#stat(path, 0);
  }

  /** lstat(2): as `stat`, but a symbolic link at the end is not followed */
  lstat(path: string): Promise<Stat> {
    return this.#stat(path, AT.SYMLINK_NOFOLLOW);
  }

  async #stat(path: string, flags: number): Promise<Stat> {
    const out = new Uint8Array(128);
    await this.call("newfstatat", path, AT.FDCWD, toByteString(path), out, flags);
    return decodeStat(out);
  }

  /** fstat(2): what a descriptor is open on */
  async fstat(fd: number): Promise<Stat> {
    const out = new Uint8Array(128);
    await this.call("fstat", String(fd), fd, out);
    return decodeStat(out);
  }

  /** mkdir(2): makes an empty directory, with permissions `mode` less the umask */
  async mkdir(path: string, mode = 0o777): Promise<void> {
    await this.call("mkdirat", path, AT.FDCWD, toByteString(path), mode);
  }

  /** rmdir(2): takes an empty directory away */
  async rmdir(path: string): Promise<void> {
    await this.call("unlinkat", path, AT.FDCWD, toByteString(path), AT.REMOVEDIR);
  }

  /** unlink(2): takes a name away, and the file with its last name and descriptor */
  async unlink(path: string): Promise<void> {
    await this.call("unlinkat", path, AT.FDCWD, toByteString(path), 0);
  }

  /** renameat2(2): replaces what `to` names, unless `flags` forbid it (1), or have the two exchanged (2) */
  async rename(from: string, to: string, flags = 0): Promise<void> {
    await this.call(
      "renameat2",
      `${from} -> ${to}`,
      AT.FDCWD,
      toByteString(from),
      AT.FDCWD,
      toByteString(to),
      flags,
    );
  }

  /** link(2): another name for a file */
  async link(from: string, to: string): Promise<void> {
    await this.call(
      "linkat",
      `${from} -> ${to}`,
      AT.FDCWD,
      toByteString(from),
      AT.FDCWD,
      toByteString(to),
      0,
    );
  }

  /** symlink(2): a symbolic link at `path` that leads to `target` */
  async symlink(target: string, path: string): Promise<void> {
    await this.call("symlinkat", path, toByteString(target), AT.FDCWD, toByteString(path));
  }

  /** readlink(2): where a symbolic link leads */
  async readlink(path: string): Promise<string> {
    const out = new Uint8Array(4096);
    const length = await this.call("readlinkat", path, AT.FDCWD, toByteString(path), out);
    return new TextDecoder().decode(out.subarray(0, length));
  }

  /** chmod(2): sets the permissions of what a path leads to */
  async chmod(path: string, mode: number): Promise<void> {
    await this.call("fchmodat", path, AT.FDCWD, toByteString(path), mode);
  }

  /** chown(2): sets user and group of what a path leads to; -1 leaves one as it is */
  async chown(path: string, uid: number, gid: number): Promise<void> {
    await this.call("fchownat", path, AT.FDCWD, toByteString(path), uid, gid, 0);
  }

  /** Sets access and modification time, in seconds since 1970. */
  async utimes(path: string, atime: number, mtime: number): Promise<void> {
    const times = new Uint8Array(32);
    [atime, mtime].forEach((time, index) => times.set(timeOf(time), index * 16));
    await this.call("utimensat", path, AT.FDCWD, toByteString(path), times, 0);
  }

  /** access(2): rejects where the mask `mode` is not allowed; 1 is execute, 2 write, 4 read */
  async access(path: string, mode: number): Promise<void> {
    await this.call("faccessat", path, AT.FDCWD, toByteString(path), mode);
  }

  /** The names in a directory, in no order, without "." and ".." (getdents64(2)). */
  async readdir(path: string): Promise<Entry[]> {
    const fd = await this.open(path, O.RDONLY | O.DIRECTORY);
    const entries: Entry[] = [];
    const buffer = new Uint8Array(BUFFER_BYTES);
    try {
      for (;;) {
        const filled = await this.call("getdents64", path, fd, buffer);
        if (filled === 0) return entries;
        entries.push(...decodeEntries(buffer.subarray(0, filled)));
      }
    } finally {
      await this.close(fd);
    }
  }

  /** Reads the whole of a file, from its start to its end. */
  async readFile(path: string): Promise<Uint8Array> {
    const fd = await this.open(path);
    try {
      const { size } = await this.fstat(fd);
      // Files of /proc have no size: they are read until they end.
      let bytes = new Uint8Array(size > 0 ? size : UNKNOWN_SIZE_BYTES);
      for (let done = 0;;) {
        const count = await this.read(fd, bytes.subarray(done));
        done += count;
        if (count === 0 || done === size) return bytes.subarray(0, done);
        if (done === bytes.length) {
          const larger = new Uint8Array(2 * done);
          larger.set(bytes);
          bytes = larger;
        }
      }
    } finally {
      await this.close(fd);
    }
  }

  /** Makes a file with these bytes, or replaces what is in it. @param mode of a file that is made, less the umask */
  async writeFile(path: string, bytes: Uint8Array, mode = 0o666): Promise<void> {
    const fd = await this.open(path, O.WRONLY | O.CREAT | O.TRUNC, mode);
    try {
      await this.writeAll(fd, bytes);
    } finally {
      await this.close(fd);
    }
  }

  /**
   * Locks a range of a file for this process (F.RDLCK, F.WRLCK) or unlocks it (F.UNLCK): fcntl(2).
   * @param length 0 is to the end, wherever that will be
   * @param wait whether to wait for others' locks; otherwise one in the way is EAGAIN
   */
  async lock(fd: number, type: number, start = 0, length = 0, wait = true): Promise<void> {
    const lock: Lock = { type, whence: 0, start, length, pid: 0 };
    await this.call("fcntl", String(fd), fd, wait ? F.SETLKW : F.SETLK, lock);
  }

  /** The lock of another process that is in the way of such a lock (fcntl(2), F_GETLK); undefined where none is. */
  async lockedBy(fd: number, type: number, start = 0, length = 0): Promise<Lock | undefined> {
    const lock: Lock = { type, whence: 0, start, length, pid: 0 };
    await this.call("fcntl", String(fd), fd, F.GETLK, lock);
    return lock.type === F.UNLCK ? undefined : lock;
  }

  /** flock(2): locks or unlocks a whole file for its open file description. @param operation of `LOCK` */
  async flock(fd: number, operation: number): Promise<void> {
    await this.call("flock", String(fd), fd, operation);
  }

  /** dup(2): another descriptor of the same open file description. @returns the lowest free one */
  dup(fd: number): Promise<number> {
    return this.call("dup", String(fd), fd);
  }

  /** pipe2(2). @param flags of `O`, such as O.NONBLOCK @returns the descriptors of its two ends */
  async pipe(flags = 0): Promise<[read: number, write: number]> {
    const out = new Uint8Array(8);
    await this.call("pipe2", "", out, flags);
    const view = new DataView(out.buffer);
    return [view.getInt32(0, true), view.getInt32(4, true)];
  }

  /** Waits until a descriptor is ready (ppoll(2)), and fills `revents`. @returns how many are; 0 after the timeout */
  async poll(entries: PollEntry[], timeoutMs = Infinity): Promise<number> {
    const fds = new Uint8Array(entries.length * 8);
    const view = new DataView(fds.buffer);
    entries.forEach(({ fd, events }, index) => {
      view.setInt32(index * 8, fd, true);
      view.setUint16(index * 8 + 4, events, true);
    });
    const timeout = timeoutMs === Infinity ? undefined : timespec(timeoutMs);
    const ready = await this.call("ppoll", "", fds, entries.length, timeout);
    entries.forEach((entry, index) => entry.revents = view.getUint16(index * 8 + 6, true));
    return ready;
  }

  /** chdir(2): sets the working directory of the process */
  async chdir(path: string): Promise<void> {
    await this.call("chdir", path, toByteString(path));
  }

  /** getcwd(2). @returns the absolute path of the working directory */
  async getcwd(): Promise<string> {
    const out = new Uint8Array(4096);
    const length = await this.call("getcwd", "", out);
    return new TextDecoder().decode(out.subarray(0, length - 1));
  }

  /** statfs(2): size and free space, in blocks of `blockBytes`, of the file system that a path is on, and its inodes */
  async statfs(
    path: string,
  ): Promise<
    { blockBytes: number; blocks: number; freeBlocks: number; files: number; freeFiles: number }
  > {
    const out = new Uint8Array(120);
    await this.call("statfs", path, toByteString(path), out);
    const word = (index: number) => Number(new DataView(out.buffer).getBigUint64(index * 8, true));
    return {
      blockBytes: word(1),
      blocks: word(2),
      freeBlocks: word(3),
      files: word(5),
      freeFiles: word(6),
    };
  }

  /** getpid(2). @returns the id of this process */
  getpid(): Promise<number> {
    return this.call("getpid", "");
  }

  /** getppid(2). @returns the id of the process that is its parent */
  getppid(): Promise<number> {
    return this.call("getppid", "");
  }

  /** Waits for some milliseconds, while other threads run (clock_nanosleep(2)). */
  async sleep(ms: number): Promise<void> {
    await this.call("clock_nanosleep", "", 1, 0, timespec(ms));
  }

  /** clock_gettime(2): a clock in milliseconds. @param clock 0 is the time of day, since 1970; 1 is monotonic */
  async clock(clock: number): Promise<number> {
    const out = new Uint8Array(16);
    await this.call("clock_gettime", "", clock, out);
    const view = new DataView(out.buffer);
    return Number(view.getBigInt64(0, true)) * 1e3 + Number(view.getBigInt64(8, true)) / 1e6;
  }

  /** Prints a line on standard output. */
  async print(text: string): Promise<void> {
    await this.writeAll(1, new TextEncoder().encode(text + "\n"));
  }

  /** Prints a line on standard error. */
  async printError(text: string): Promise<void> {
    await this.writeAll(2, new TextEncoder().encode(text + "\n"));
  }

  /**
   * Starts another thread of this process, with a `Sys` of its own.
   * @returns a promise of its end: awaiting it is joining it
   */
  thread(body: (sys: Sys) => Promise<void>): Promise<void> {
    return this.kernel.startThread(body);
  }

  /** exit_group(2): ends the process with all its threads. @param status of which 8 bits count */
  exit(status = 0): never {
    throw new ExitProgram(status);
  }
}

/** What a native program's module exports as default. */
export type NativeMain = (
  sys: Sys,
  argv: string[],
  env: Record<string, string>,
) => Promise<number | void>;
