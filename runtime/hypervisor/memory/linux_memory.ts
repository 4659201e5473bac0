// Memory shared between processes, on Linux: memfd_create(2) and mmap(2) through FFI.
// An object is opened elsewhere by its owner's /proc/PID/fd entry, so nothing is left behind in a
// file system however a run ends. Host code: needs FFI permission until `close`.
import type { BellPipe, MemoryGrant, SharedMemory } from "./shared_memory.ts";

const symbols = {
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  fdopen: { parameters: ["i32", "buffer"], result: "pointer" },
  setvbuf: { parameters: ["pointer", "pointer", "i32", "usize"], result: "i32" },
  fclose: { parameters: ["pointer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  signal: { parameters: ["i32", "usize"], result: "pointer" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MFD_CLOEXEC = 1;
const O_RDWR_CLOEXEC = 0o2000002, O_WRONLY_NONBLOCK_CLOEXEC = 0o2004001;
const O_NONBLOCK_CLOEXEC = 0o2004000;
/** no buffer */
const IONBF = 2;
const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const PR_SET_PDEATHSIG = 1;
const SIGINT = 2, SIGKILL = 9n;
const SIG_IGN = 1n;

const cString = (text: string) => new TextEncoder().encode(text + "\0");

/** A mapped object; `pointer` is only for what the same process does with it (semaphores). */
export interface MappedMemory extends SharedMemory {
  readonly buffer: ArrayBuffer;
  readonly pointer: Deno.PointerObject;
}

/** Whether this host and these permissions allow mapped memory. */
export function mappedMemoryAvailable(): boolean {
  return Deno.build.os === "linux" &&
    Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

/** The few calls of libc that make, open and limit memory. */
export class LinuxMemory {
  readonly #libc = Deno.dlopen("libc.so.6", symbols);

  /**
   * Makes a zeroed object.
   * @throws Error when the system has no memory or descriptors left
   */
  create(name: string, sizeBytes: number): MappedMemory {
    const fd = this.#libc.symbols.memfd_create(cString(name), MFD_CLOEXEC);
    if (fd < 0) throw new Error(`Cannot create memory object "${name}": memfd_create failed`);
    if (this.#libc.symbols.ftruncate(fd, BigInt(sizeBytes)) !== 0) {
      throw new Error(`Cannot size memory object "${name}" to ${sizeBytes} bytes`);
    }
    return this.#map({ kind: "mapped", name, sizeBytes, pid: Deno.pid, fd }, fd);
  }

  /**
   * Maps an object that this or another process made.
   * @throws Error when the owner is gone
   */
  open(grant: MemoryGrant & { kind: "mapped" }): MappedMemory {
    if (grant.pid === Deno.pid) return this.#map(grant, grant.fd);
    const fd = this.#libc.symbols.open(
      cString(`/proc/${grant.pid}/fd/${grant.fd}`),
      O_RDWR_CLOEXEC,
    );
    if (fd < 0) throw new Error(`Cannot open memory object "${grant.name}": its owner is gone`);
    const memory = this.#map(grant, fd);
    this.#libc.symbols.close(fd);
    return memory;
  }

  /**
   * Makes a pipe for a bell.
   * @throws Error when the system has no descriptors left
   */
  createPipe(): BellPipe {
    const ends = new Int32Array(2);
    if (this.#libc.symbols.pipe2(new Uint8Array(ends.buffer), O_NONBLOCK_CLOEXEC) !== 0) {
      throw new Error("Cannot make a pipe for a bell: pipe2 failed");
    }
    const [reads, writes] = ends;
    const stream = Number(Deno.UnsafePointer.value(this.#openStream(writes)));
    return { reads, writes, stream };
  }

  /** The stream that writes to a bell's pipe: a pointer by which nothing else can be written to. */
  streamOf({ pid }: MemoryGrant & { kind: "mapped" }, pipe: BellPipe): Deno.PointerObject {
    if (pid === Deno.pid) return Deno.UnsafePointer.create(BigInt(pipe.stream))!;
    const path = cString(`/proc/${pid}/fd/${pipe.writes}`);
    return this.#openStream(this.#libc.symbols.open(path, O_WRONLY_NONBLOCK_CLOEXEC));
  }

  #openStream(descriptor: number): Deno.PointerObject {
    const { fdopen, setvbuf } = this.#libc.symbols;
    const stream = descriptor < 0 ? null : fdopen(descriptor, cString("w"));
    if (stream === null) throw new Error("Cannot open the pipe of a bell: its owner is gone");
    setvbuf(stream, null, IONBF, 0n);
    return stream;
  }

  /** Makes the whole object zero again and gives its pages back; mappings stay valid. */
  clear(memory: SharedMemory): void {
    if (memory.grant.kind !== "mapped" || memory.grant.pid !== Deno.pid) return;
    this.#libc.symbols.ftruncate(memory.grant.fd, 0n);
    this.#libc.symbols.ftruncate(memory.grant.fd, BigInt(memory.sizeBytes));
  }

  /**
   * Has the host end this process when its parent ends, however that ends (prctl(2)).
   * @throws Error where it has ended already
   */
  endWithParent(parent: number): void {
    if (this.#libc.symbols.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n) !== 0) {
      throw new Error("Cannot tie this process to its parent: prctl failed");
    }
    if (Deno.ppid !== parent) throw new Error("Cannot serve a machine that is gone");
  }

  /** Ctrl-C goes to all processes before a terminal: what ends with it is for their parent to say. */
  ignoreInterrupts(): void {
    this.#libc.symbols.signal(SIGINT, SIG_IGN);
  }

  /** Unmaps and closes an object that this process made. Its buffer must not be used again. */
  release(memory: MappedMemory): void {
    this.#libc.symbols.munmap(memory.pointer, BigInt(memory.sizeBytes));
    if (memory.grant.kind === "mapped" && memory.grant.pid === Deno.pid) {
      this.#libc.symbols.close(memory.grant.fd);
      const { pipe } = memory.grant;
      if (pipe === undefined) return;
      this.#libc.symbols.close(pipe.reads);
      this.#libc.symbols.fclose(this.streamOf(memory.grant, pipe));
    }
  }

  /** Limits this process: writable private memory in bytes, and no core files. */
  limitDataBytes(sizeBytes: number): void {
    const limit = (bytes: number) =>
      new Uint8Array(new BigUint64Array([BigInt(bytes), BigInt(bytes)]).buffer);
    this.#libc.symbols.setrlimit(RLIMIT_CORE, limit(0));
    if (this.#libc.symbols.setrlimit(RLIMIT_DATA, limit(sizeBytes)) !== 0) {
      throw new Error(`Cannot limit memory to ${sizeBytes} bytes`);
    }
  }

  #map(grant: MemoryGrant & { kind: "mapped" }, fd: number): MappedMemory {
    const { name, sizeBytes } = grant;
    const pointer = this.#libc.symbols.mmap(
      null,
      BigInt(sizeBytes),
      PROT_READ_WRITE,
      MAP_SHARED,
      fd,
      0n,
    );
    if (pointer === null || Deno.UnsafePointer.value(pointer) === 0xffff_ffff_ffff_ffffn) {
      throw new Error(`Cannot map memory object "${name}" of ${sizeBytes} bytes`);
    }
    const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, sizeBytes);
    return { name, sizeBytes, buffer, pointer, grant };
  }

  /** Unloads the calls: nothing in this process can make or open memory through them any more. */
  close(): void {
    this.#libc.close();
  }
}
