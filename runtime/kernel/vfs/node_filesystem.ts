// A file system over a tree of nodes that are asked when somebody looks: what procfs and sysfs are.
import { type Blocking, type Coroutine, isCoroutine } from "../coroutine.ts";
import type { Environment } from "../environment.ts";
import { E, fail } from "../errno.ts";
import type { Credential } from "../service.ts";
import { entryType } from "../storage/tmpfs/memory_inode.ts";
import { takeDeviceNumber } from "../storage/tmpfs/tmpfs.ts";
import {
  type Attributes,
  type DirectoryEntry,
  type FileSystem,
  type Inode,
  S,
  type Usage,
} from "./filesystem.ts";
import { directory, type ProcDirectory, type ProcNode } from "./proc_node.ts";

const BLOCK_BYTES = 1024;
const TYPES = { file: S.IFREG, link: S.IFLNK, directory: S.IFDIR } as const;
const LINK_MODE = 0o777;
/** Where names that are numbers are listed: after all others, by number. */
const FIRST_NUMBER = 2 ** 20;

export interface NodeFileSystemKind {
  /** as mount(2) names it */
  type: string;
  /** as statfs(2) does */
  magic: number;
  /** what stat(2) says of files */
  fileBytes: number;
}

/** The inode number of a path: the same whenever it is looked up, as getcwd(2) needs. */
function inodeNumber(path: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < path.length; at++) {
    hash = Math.imul(hash ^ path.charCodeAt(at), 0x0100_0193);
  }
  return (hash >>> 0 || 1) & 0x7fff_ffff;
}

class NodeInode implements Inode {
  readonly generation = 1;
  readonly ino: number;
  uses = 0;
  /** what was read last from the start */
  #text: string | undefined;

  constructor(
    readonly filesystem: NodeFileSystem,
    readonly node: ProcNode,
    readonly path: string,
    private readonly above: NodeInode | undefined,
  ) {
    this.ino = inodeNumber(path);
  }

  get attributes(): Attributes {
    const { node } = this;
    const { uid, gid } = node.owner?.() ?? { uid: 0, gid: 0 };
    const now = this.filesystem.environment.realtimeNs();
    return {
      mode: TYPES[node.kind] | (node.kind === "link" ? LINK_MODE : node.mode),
      uid,
      gid,
      sizeBytes: node.kind === "file" ? this.filesystem.kind.fileBytes : 0,
      links: node.kind === "directory" ? 2 : 1,
      blocks: 0,
      blockBytes: BLOCK_BYTES,
      rdev: 0,
      atimeNs: now,
      mtimeNs: now,
      ctimeNs: now,
      btimeNs: now,
    };
  }

  hold(): void {
    this.uses++;
  }

  release(): void {
    if (--this.uses > 0) return;
    this.filesystem.forget(this);
    this.above?.release();
  }

  parent(): Inode {
    const parent = this.above ?? this;
    parent.hold();
    return parent;
  }

  lookup(name: string): Inode | undefined {
    if (this.node.kind !== "directory") return undefined;
    const node = this.node.find(name);
    return node && this.filesystem.show(this, name, node);
  }

  list(from: number, emit: (entry: DirectoryEntry) => boolean): void {
    if (this.node.kind !== "directory") return;
    const { node, path } = this;
    const named = [...node.names()].map((name, index) => ({
      name,
      next: /^\d+$/.test(name) ? FIRST_NUMBER + Number(name) : index + 1,
    }));
    named.sort((a, b) => a.next - b.next);
    for (const { name, next } of named) {
      if (next <= from) continue;
      const child = node.find(name);
      if (child === undefined) continue;
      const type = entryType(TYPES[child.kind]);
      if (!emit({ name, ino: inodeNumber(`${path}/${name}`), type, next })) return;
    }
  }

  readlink(caller?: Credential): Blocking<string> {
    return this.node.kind === "link" ? this.node.target(caller) : fail(E.EINVAL);
  }

  place(caller: Credential): number | undefined {
    return this.node.kind === "link" ? this.node.place?.(caller) : undefined;
  }

  read(offset: number, into: Uint8Array): Blocking<number> {
    if (this.node.kind !== "file") return fail(E.EINVAL);
    if (this.node.readAt !== undefined) return this.node.readAt(offset, into);
    if (offset > 0 && this.#text !== undefined) return this.#copy(offset, into);
    const made = this.node.read?.() ?? "";
    if (isCoroutine(made)) return this.#readLater(made, offset, into);
    this.#text = made;
    return this.#copy(offset, into);
  }

  *#readLater(made: Coroutine<string>, offset: number, into: Uint8Array): Coroutine<number> {
    this.#text = yield* made;
    return this.#copy(offset, into);
  }

  #copy(offset: number, into: Uint8Array): number {
    const text = this.#text!;
    const count = Math.max(0, Math.min(into.length, text.length - offset));
    for (let at = 0; at < count; at++) into[at] = text.charCodeAt(offset + at);
    return count;
  }

  write(offset: number, from: Uint8Array): Blocking<number> {
    if (this.node.kind === "file" && this.node.writeAt !== undefined) {
      return this.node.writeAt(offset, from);
    }
    if (this.node.kind !== "file" || this.node.write === undefined) return fail(E.EACCES);
    if (from.length > BLOCK_BYTES) fail(E.EINVAL);
    this.node.write(String.fromCharCode(...from));
    return from.length;
  }

  /** Opening for writing may cut a file, which means nothing here. */
  truncate(): void {}

  sync(): void {}

  allocate(): void {
    fail(E.EOPNOTSUPP);
  }

  seek(): number {
    return fail(E.EINVAL);
  }

  setAttributes(): void {
    fail(E.EPERM);
  }

  create(): Inode {
    return fail(E.EACCES);
  }

  link(): void {
    fail(E.EPERM);
  }

  unlink(): void {
    fail(E.EPERM);
  }

  rmdir(): void {
    fail(E.EPERM);
  }

  rename(): void {
    fail(E.EPERM);
  }
}

export class NodeFileSystem implements FileSystem {
  readonly device = takeDeviceNumber();
  readonly readOnly = false;
  readonly transaction = 0;
  readonly durable = 0;
  readonly root: NodeInode;
  /** inodes in use, by path */
  readonly #shown = new Map<string, NodeInode>();
  #view: ProcDirectory = directory({});

  constructor(readonly environment: Environment, readonly kind: NodeFileSystemKind) {
    const root: ProcDirectory = {
      kind: "directory",
      mode: 0o555,
      names: () => this.#view.names(),
      find: (name) => this.#view.find(name),
    };
    this.root = new NodeInode(this, root, "", undefined);
    this.root.hold();
  }

  get type(): string {
    return this.kind.type;
  }

  /** What it shows; nothing until it is told. */
  set view(view: ProcDirectory) {
    this.#view = view;
  }

  /** The inode of a name, held for the caller. */
  show(parent: NodeInode, name: string, node: ProcNode): NodeInode {
    const path = `${parent.path}/${name}`;
    let inode = this.#shown.get(path);
    // A process's number may be another's by now: what is open stays what it was.
    if (inode?.node !== node) {
      inode = new NodeInode(this, node, path, parent);
      this.#shown.set(path, inode);
      parent.hold();
    }
    inode.hold();
    return inode;
  }

  forget(inode: NodeInode): void {
    if (this.#shown.get(inode.path) === inode) this.#shown.delete(inode.path);
  }

  inode(ino: number): Inode {
    for (const inode of [this.root, ...this.#shown.values()]) {
      if (inode.ino !== ino) continue;
      inode.hold();
      return inode;
    }
    return fail(E.ESTALE);
  }

  usage(): Usage {
    return {
      magic: this.kind.magic,
      blockBytes: 4096,
      blocks: 0,
      freeBlocks: 0,
      availableBlocks: 0,
      files: 0,
      freeFiles: 0,
      nameMax: 255,
    };
  }

  sync(): void {}
}
