// The POSIX face of native programs: TypeScript modules that export `main(sys, argv, env)`. Every
// method is one system call or a few, through the same handlers and rings that ELF programs use.
import { callNumber } from "../../../schemas/syscalls.ts";
import { errnoName } from "../../kernel/errno.ts";
import { AT, F, LOCK, O, POLL, SEEK } from "../../kernel/vfs/constants.ts";
import { S } from "../../kernel/vfs/filesystem.ts";
import { fromByteString, toByteString } from "../../kernel/vfs/protocol.ts";
import type { Lock } from "../../kernel/process/sys_open.ts";
import type { PollEntry } from "../../kernel/process/sys_file.ts";

export { AT, F, LOCK, O, POLL, S, SEEK };

/** A system call failed: `name` is the error's, such as "ENOENT". */
export class PosixError extends Error {
  constructor(readonly errno: number, readonly call: string, subject: string) {
    super(`${errnoName(errno)}: ${call}${subject === "" ? "" : ` ${subject}`}`);
    this.name = errnoName(errno);
  }
}

/** What stat says. Times are milliseconds since 1970. */
export interface Stat {
  ino: number;
  mode: number;
  links: number;
  uid: number;
  gid: number;
  size: number;
  blocks: number;
  atimeMs: number;
  mtimeMs: number;
  ctimeMs: number;
  isFile: boolean;
  isDirectory: boolean;
  isSymlink: boolean;
}

export interface Entry {
  name: string;
  ino: number;
  type: number;
}

/** What a program's thread has of the kernel. */
export interface ThreadKernel {
  /** makes a system call by number; resolves to its status, negative for an error */
  invoke(number: number, ...args: unknown[]): Promise<number>;
  /** starts another thread of the process */
  startThread(body: (sys: Sys) => Promise<void>): Promise<void>;
}

/** Ends a program from anywhere inside it; the thread that called it does not go on. */
export class ExitProgram {
  constructor(readonly status: number) {}
}

const numbers = new Map<string, number>();
const BUFFER_BYTES = 65536;

function numberOf(name: string): number {
  let number = numbers.get(name);
  if (number === undefined) numbers.set(name, number = callNumber(name));
  return number;
}

export class Sys {
  constructor(private readonly kernel: ThreadKernel) {}

  /** Makes a call by name, for what has no method. @throws PosixError */
  async call(name: string, subject: string, ...args: unknown[]): Promise<number> {
    const status = await this.kernel.invoke(numberOf(name), ...args);
    if (status < 0) throw new PosixError(-status, name, subject);
    return status;
  }

  open(path: string, flags: number = O.RDONLY, mode = 0o666): Promise<number> {
    return this.call("openat", path, AT.FDCWD, toByteString(path), flags, mode);
  }

  async close(fd: number): Promise<void> {
    await this.call("close", String(fd), fd);
  }

  read(fd: number, into: Uint8Array): Promise<number> {
    return this.call("read", String(fd), fd, into);
  }

  pread(fd: number, into: Uint8Array, offset: number): Promise<number> {
    return this.call("pread64", String(fd), fd, into, offset);
  }

  write(fd: number, from: Uint8Array): Promise<number> {
    return this.call("write", String(fd), fd, from);
  }

  pwrite(fd: number, from: Uint8Array, offset: number): Promise<number> {
    return this.call("pwrite64", String(fd), fd, from, offset);
  }

  /** Writes all of it, however many calls that takes. */
  async writeAll(fd: number, from: Uint8Array): Promise<void> {
    for (let done = 0; done < from.length;) done += await this.write(fd, from.subarray(done));
  }

  seek(fd: number, offset: number, whence: number = SEEK.SET): Promise<number> {
    return this.call("lseek", String(fd), fd, offset, whence);
  }

  async fsync(fd: number): Promise<void> {
    await this.call("fsync", String(fd), fd);
  }

  async fdatasync(fd: number): Promise<void> {
    await this.call("fdatasync", String(fd), fd);
  }

  async sync(): Promise<void> {
    await this.call("sync", "");
  }

  async ftruncate(fd: number, size: number): Promise<void> {
    await this.call("ftruncate", String(fd), fd, size);
  }

  async truncate(path: string, size: number): Promise<void> {
    await this.call("truncate", path, toByteString(path), size);
  }

  async fallocate(fd: number, mode: number, offset: number, length: number): Promise<void> {
    await this.call("fallocate", String(fd), fd, mode, offset, length);
  }

  stat(path: string): Promise<Stat> {
    return this.#stat(path, 0);
  }

  lstat(path: string): Promise<Stat> {
    return this.#stat(path, AT.SYMLINK_NOFOLLOW);
  }

  async #stat(path: string, flags: number): Promise<Stat> {
    const out = new Uint8Array(128);
    await this.call("newfstatat", path, AT.FDCWD, toByteString(path), out, flags);
    return decodeStat(out);
  }

  async fstat(fd: number): Promise<Stat> {
    const out = new Uint8Array(128);
    await this.call("fstat", String(fd), fd, out);
    return decodeStat(out);
  }

  async mkdir(path: string, mode = 0o777): Promise<void> {
    await this.call("mkdirat", path, AT.FDCWD, toByteString(path), mode);
  }

  async rmdir(path: string): Promise<void> {
    await this.call("unlinkat", path, AT.FDCWD, toByteString(path), AT.REMOVEDIR);
  }

  async unlink(path: string): Promise<void> {
    await this.call("unlinkat", path, AT.FDCWD, toByteString(path), 0);
  }

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

  async symlink(target: string, path: string): Promise<void> {
    await this.call("symlinkat", path, toByteString(target), AT.FDCWD, toByteString(path));
  }

  async readlink(path: string): Promise<string> {
    const out = new Uint8Array(4096);
    const length = await this.call("readlinkat", path, AT.FDCWD, toByteString(path), out);
    return new TextDecoder().decode(out.subarray(0, length));
  }

  async chmod(path: string, mode: number): Promise<void> {
    await this.call("fchmodat", path, AT.FDCWD, toByteString(path), mode);
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await this.call("fchownat", path, AT.FDCWD, toByteString(path), uid, gid, 0);
  }

  /** Sets access and modification time, in seconds since 1970. */
  async utimes(path: string, atime: number, mtime: number): Promise<void> {
    const times = [atime, mtime].flatMap((
      time,
    ) => [Math.floor(time), Math.floor((time % 1) * 1e9)]);
    await this.call("utimensat", path, AT.FDCWD, toByteString(path), times, 0);
  }

  async access(path: string, mode: number): Promise<void> {
    await this.call("faccessat", path, AT.FDCWD, toByteString(path), mode);
  }

  /** The names in a directory, without "." and "..". */
  async readdir(path: string): Promise<Entry[]> {
    const fd = await this.open(path, O.RDONLY | O.DIRECTORY);
    const entries: Entry[] = [];
    const buffer = new Uint8Array(BUFFER_BYTES);
    const view = new DataView(buffer.buffer);
    try {
      for (;;) {
        const filled = await this.call("getdents64", path, fd, buffer);
        if (filled === 0) return entries;
        for (let at = 0; at < filled; at += view.getUint16(at + 16, true)) {
          let end = at + 19;
          while (buffer[end] !== 0) end++;
          const name = fromByteString(String.fromCharCode(...buffer.subarray(at + 19, end)));
          if (name !== "." && name !== "..") {
            entries.push({ name, ino: Number(view.getBigUint64(at, true)), type: buffer[at + 18] });
          }
        }
      }
    } finally {
      await this.close(fd);
    }
  }

  /** The whole of a file. */
  async readFile(path: string): Promise<Uint8Array> {
    const fd = await this.open(path);
    try {
      const { size } = await this.fstat(fd);
      const bytes = new Uint8Array(size);
      let done = 0;
      while (done < size) {
        const count = await this.read(fd, bytes.subarray(done));
        if (count === 0) break;
        done += count;
      }
      return bytes.subarray(0, done);
    } finally {
      await this.close(fd);
    }
  }

  /** Makes a file, or replaces what is in it. */
  async writeFile(path: string, bytes: Uint8Array, mode = 0o666): Promise<void> {
    const fd = await this.open(path, O.WRONLY | O.CREAT | O.TRUNC, mode);
    try {
      await this.writeAll(fd, bytes);
    } finally {
      await this.close(fd);
    }
  }

  /** Locks (F.RDLCK, F.WRLCK) or unlocks (F.UNLCK) a range; length 0 is to the end. */
  async lock(fd: number, type: number, start = 0, length = 0, wait = true): Promise<void> {
    const lock: Lock = { type, whence: 0, start, length, pid: 0 };
    await this.call("fcntl", String(fd), fd, wait ? F.SETLKW : F.SETLK, lock);
  }

  /** The lock that keeps one from being set; undefined where there is none. */
  async lockedBy(fd: number, type: number, start = 0, length = 0): Promise<Lock | undefined> {
    const lock: Lock = { type, whence: 0, start, length, pid: 0 };
    await this.call("fcntl", String(fd), fd, F.GETLK, lock);
    return lock.type === F.UNLCK ? undefined : lock;
  }

  async flock(fd: number, operation: number): Promise<void> {
    await this.call("flock", String(fd), fd, operation);
  }

  dup(fd: number): Promise<number> {
    return this.call("dup", String(fd), fd);
  }

  async pipe(flags = 0): Promise<[read: number, write: number]> {
    const out = new Int32Array(2);
    await this.call("pipe2", "", out, flags);
    return [out[0], out[1]];
  }

  /** Waits until a descriptor is ready; fills `revents`. @returns how many are; 0 after the timeout */
  poll(entries: PollEntry[], timeoutMs = Infinity): Promise<number> {
    return this.call("ppoll", "", entries, timeoutMs * 1e6);
  }

  async chdir(path: string): Promise<void> {
    await this.call("chdir", path, toByteString(path));
  }

  async getcwd(): Promise<string> {
    const out = new Uint8Array(4096);
    const length = await this.call("getcwd", "", out);
    return new TextDecoder().decode(out.subarray(0, length - 1));
  }

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

  getpid(): Promise<number> {
    return this.call("getpid", "");
  }

  getppid(): Promise<number> {
    return this.call("getppid", "");
  }

  async sleep(ms: number): Promise<void> {
    await this.call("clock_nanosleep", "", 1, 0, ms * 1e6);
  }

  /** Time of a clock in milliseconds: 0 is the time of day, 1 is monotonic. */
  async clock(clock: number): Promise<number> {
    const out = new BigInt64Array(2);
    await this.call("clock_gettime", "", clock, out);
    return Number(out[0]) * 1e3 + Number(out[1]) / 1e6;
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

  /** Ends the process. */
  exit(status = 0): never {
    throw new ExitProgram(status);
  }
}

function decodeStat(out: Uint8Array): Stat {
  const view = new DataView(out.buffer, out.byteOffset);
  const time = (at: number) =>
    Number(view.getBigInt64(at, true)) * 1e3 + Number(view.getBigInt64(at + 8, true)) / 1e6;
  const mode = view.getUint32(16, true);
  return {
    ino: Number(view.getBigUint64(8, true)),
    mode,
    links: view.getUint32(20, true),
    uid: view.getUint32(24, true),
    gid: view.getUint32(28, true),
    size: Number(view.getBigInt64(48, true)),
    blocks: Number(view.getBigInt64(64, true)),
    atimeMs: time(72),
    mtimeMs: time(88),
    ctimeMs: time(104),
    isFile: (mode & S.IFMT) === S.IFREG,
    isDirectory: (mode & S.IFMT) === S.IFDIR,
    isSymlink: (mode & S.IFMT) === S.IFLNK,
  };
}

/** What a native program's module exports as default. */
export type NativeMain = (
  sys: Sys,
  argv: string[],
  env: Record<string, string>,
) => Promise<number | void>;
