// procfs: what the kernel tells about itself and its processes (proc(5)), made when it is read.
import type { Component } from "../component.ts";
import type { Environment } from "../environment.ts";
import { E, fail } from "../errno.ts";
import { MemoryInode, type MemoryOwner } from "../storage/tmpfs/memory_inode.ts";
import { MemoryFileSystem } from "../storage/tmpfs/tmpfs.ts";
import { S } from "./filesystem.ts";

const PROC_MAGIC = 0x9fa0;
const NAMES_BYTES = 1 << 20;

/** What procfs shows, supplied by the process component once there is one. */
export interface ProcessView {
  /** text of /proc/mounts */
  mounts(): string;
  processes(): {
    pid: number;
    ppid: number;
    name: string;
    uid: number;
    gid: number;
    threads: number;
    argv: string[];
  }[];
}

/** A file whose text is made at each read from position 0. */
class TextInode extends MemoryInode {
  #text = new Uint8Array(0);
  constructor(owner: MemoryOwner, ino: number, private readonly make: () => string) {
    super(owner, ino, S.IFREG | 0o444, 0, 0, 0);
  }
  override read(offset: number, into: Uint8Array): number {
    if (offset === 0) this.#text = new TextEncoder().encode(this.make());
    const part = this.#text.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }
  override write(): number {
    return fail(E.EACCES);
  }
}

/** /proc: directories of processes appear as they are looked up. */
class ProcRoot extends MemoryInode {
  constructor(private readonly owner: ProcFileSystem, ino: number) {
    super(owner, ino, S.IFDIR | 0o555, 0, 0, 0);
  }
  override lookup(name: string): MemoryInode | undefined {
    this.owner.refresh();
    return super.lookup(name);
  }
  override list(from: number, emit: Parameters<MemoryInode["list"]>[1]): void {
    if (from === 0) this.owner.refresh();
    super.list(from, emit);
  }
  override create(): MemoryInode {
    return fail(E.EACCES);
  }
}

class ProcFileSystem extends MemoryFileSystem {
  view: ProcessView = { mounts: () => "", processes: () => [] };
  readonly #known = new Map<number, MemoryInode>();

  constructor(environment: Environment) {
    super("proc", environment, PROC_MAGIC, NAMES_BYTES);
    const seconds = () => (environment.nowNs() / 1e9).toFixed(2);
    this.add(this.root, "uptime", () => `${seconds()} ${seconds()}\n`);
    this.add(this.root, "mounts", () => this.view.mounts());
    this.add(
      this.root,
      "filesystems",
      () => "\text4\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tproc\n",
    );
    this.add(this.root, "version", () => "Linux version 6.12.0 (VirtuOS)\n");
    this.add(this.root, "meminfo", () => {
      const kib = (bytes: number) => `${String(Math.floor(bytes / 1024)).padStart(8)} kB\n`;
      return `MemTotal: ${kib(environment.memory.bytes.length)}MemFree:  ${
        kib(environment.memory.freeBytes)
      }`;
    });
  }

  protected override makeInode(
    ino: number,
    mode: number,
    uid: number,
    gid: number,
    rdev: number,
  ): MemoryInode {
    return ino === 1 ? new ProcRoot(this, ino) : super.makeInode(ino, mode, uid, gid, rdev);
  }

  add(directory: MemoryInode, name: string, make: () => string): void {
    directory.attach(name, new TextInode(this, this.nextIno(), make));
  }

  /** Makes directories for new processes, and takes those of ended ones away. */
  refresh(): void {
    const processes = new Map(this.view.processes().map((process) => [process.pid, process]));
    for (const [pid] of this.#known) {
      if (processes.has(pid)) continue;
      this.root.detach(String(pid));
      this.#known.delete(pid);
    }
    for (const process of processes.values()) {
      if (this.#known.has(process.pid)) continue;
      const directory = super.makeInode(
        this.nextIno(),
        S.IFDIR | 0o555,
        process.uid,
        process.gid,
        0,
      );
      const now = () => this.view.processes().find((each) => each.pid === process.pid) ?? process;
      this.add(directory, "cmdline", () => now().argv.map((word) => word + "\0").join(""));
      this.add(directory, "comm", () => `${now().name}\n`);
      this.add(directory, "mounts", () => this.view.mounts());
      this.add(directory, "status", () => {
        const { name, pid, ppid, uid, gid, threads } = now();
        const ids = (id: number) => Array(4).fill(id).join("\t");
        return `Name:\t${name}\nPid:\t${pid}\nPPid:\t${ppid}\nUid:\t${ids(uid)}\nGid:\t${
          ids(gid)
        }\nThreads:\t${threads}\n`;
      });
      this.root.attach(String(process.pid), directory);
      this.#known.set(process.pid, directory);
    }
  }
}

export function createProcfs(environment: Environment): Component {
  const filesystem = new ProcFileSystem(environment);
  return { provides: { filesystem, processView: (view: ProcessView) => filesystem.view = view } };
}
