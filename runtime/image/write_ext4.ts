// Fills an image file with a tree: our own mkfs makes the file system, our own ext4 component writes into
// it, over a disk that is the file. The image appears under its name when it is complete. The same tree
// gives the same bytes.
import { type Blocking, type Coroutine, finish, Tasks } from "../kernel/coroutine.ts";
import { createDomainMemory } from "../kernel/domain_memory.ts";
import type { Environment } from "../kernel/environment.ts";
import { E, Errno } from "../kernel/errno.ts";
import { Ext4 } from "../kernel/storage/ext4/ext4.ts";
import { type Inode, S, SYMLINK_MODE } from "../kernel/vfs/filesystem.ts";
import { ImageFile } from "./image_file.ts";
import { makeExt4 } from "./mkfs/mkfs.ts";
import type { Progress } from "./progress.ts";
import { fitExt4, layoutFor } from "./size.ts";
import type { Entry } from "./tree/entry.ts";
import type { Tree } from "./tree/tree.ts";

export interface WriteOptions {
  /** at most 16 bytes of UTF-8 */
  label?: string;
  progress?: Progress;
}

/** Memory of the file system while it is filled; mostly pages on their way to the file. */
const MEMORY_BYTES = 48 << 20;
/** Contents are handed to the file system in pieces of this size. */
const PIECE_BYTES = 1 << 20;
/** The longest time without a turn of the event loop. */
const BREATH_MS = 50;
const NS_PER_SECOND = 1_000_000_000n;

/**
 * Makes an ext4 image.
 * @param sizeBytes size of the image, or "fit": what the tree needs and some room to work in
 * @throws Error that names the image, and the path at which it failed
 */
export async function writeExt4(
  imagePath: string,
  sizeBytes: number | "fit",
  tree: Tree,
  options: WriteOptions = {},
): Promise<void> {
  const entries = tree.entries;
  const layout = sizeBytes === "fit" ? fitExt4(entries) : layoutFor(entries, sizeBytes);
  const unfinished = `${imagePath}.${crypto.randomUUID()}.unfinished`;
  try {
    const file = new ImageFile(unfinished, layout.sizeBytes);
    try {
      makeExt4(file, {
        uuid: await uuidOf(entries, layout.sizeBytes),
        label: options.label ?? "root",
        timeSeconds: tree.newestSeconds,
        bytesPerInode: layout.bytesPerInode,
      });
      await new Filling(file, tree.newestSeconds, options.progress ?? (() => {})).fill(entries);
      file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(unfinished, imagePath);
  } catch (failure) {
    await Deno.remove(unfinished).catch(() => {});
    const full = failure instanceof Errno && failure.errno === E.ENOSPC;
    const why = full
      ? `the tree does not fit in ${layout.sizeBytes} bytes`
      : failure instanceof Errno
      ? `the file system answers ${failure}`
      : (failure as Error).message;
    throw new Error(`Cannot make image ${imagePath}: ${why}`);
  }
}

class Filling {
  readonly #tasks = new Tasks(() => 0);
  readonly #ext4: Ext4;
  readonly #directories = new Map<string, Inode>();
  readonly #linked = new Map<string, Inode>();
  #breathedMs = performance.now();

  constructor(
    file: ImageFile,
    timeSeconds: number,
    private readonly progress: Progress,
  ) {
    let random = 1;
    const environment: Environment = {
      nowNs: () => 0,
      realtimeNs: () => BigInt(timeSeconds) * NS_PER_SECOND,
      // Generation numbers of inodes: the same for the same tree.
      random: (into) =>
        into.forEach((_, at) => into[at] = (random = random * 69069 + 1 >>> 0) >>> 24),
      tasks: this.#tasks,
      memory: createDomainMemory(new ArrayBuffer(MEMORY_BYTES), 0),
      log: (message) => {
        throw new Error(message);
      },
    };
    this.#ext4 = new Ext4(environment, file, Infinity);
  }

  async fill(entries: Entry[]): Promise<void> {
    this.#run(this.#ext4.mount());
    this.#directories.set("", this.#ext4.root);
    const targets = new Set(
      entries.flatMap((entry) => entry.kind === "hardlink" ? [entry.target] : []),
    );
    for (const [done, entry] of entries.entries()) {
      if (done % 64 === 0) {
        this.progress({ step: "write", what: entry.path, done, total: entries.length });
        await this.#breathe();
      }
      try {
        await this.#add(entry, targets);
      } catch (failure) {
        if (failure instanceof Errno) throw failure;
        throw new Error(`/${entry.path}: ${(failure as Error).message}`);
      }
    }
    for (const inode of this.#linked.values()) this.#finish(inode.release());
    // Last, since every name that was added has changed its directory.
    for (const entry of entries) {
      if (entry.kind === "directory") this.#dress(this.#directories.get(entry.path)!, entry);
    }
    for (const [path, inode] of this.#directories) {
      if (path !== "") this.#finish(inode.release());
    }
    this.#run(this.#ext4.unmount());
    this.progress({ step: "write", what: "", done: entries.length, total: entries.length });
  }

  /** Whoever wants to interrupt is heard now and then. */
  async #breathe(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#breathedMs < BREATH_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#breathedMs = performance.now();
  }

  async #add(entry: Entry, targets: Set<string>): Promise<void> {
    const { path, mode, uid, gid } = entry;
    if (path === "") return;
    const slash = path.lastIndexOf("/");
    const parent = this.#directories.get(path.slice(0, Math.max(0, slash)));
    if (parent === undefined) throw new Error("its directory is not in the tree");
    const name = byteString(path.slice(slash + 1));
    switch (entry.kind) {
      case "directory": {
        // lost+found is there from the start.
        const inode = this.#finish(parent.lookup(name)) ??
          this.#finish(parent.create(name, { mode: S.IFDIR | mode, uid, gid }));
        this.#directories.set(path, inode);
        return;
      }
      case "hardlink": {
        const file = this.#linked.get(entry.target);
        if (file === undefined) throw new Error(`/${entry.target}, which it links to, is no file`);
        return this.#finish(parent.link(name, file));
      }
      case "file": {
        const inode = this.#finish(parent.create(name, { mode: S.IFREG | mode, uid, gid }));
        await this.#write(inode, entry.data.chunks(), entry.data.sizeBytes);
        this.#dress(inode, entry);
        if (targets.has(path)) this.#linked.set(path, inode);
        else this.#finish(inode.release());
        return;
      }
      case "symlink": {
        const target = byteString(entry.target);
        const inode = this.#finish(parent.create(name, { mode: SYMLINK_MODE, uid, gid, target }));
        this.#dress(inode, { ...entry, mode: 0o777 });
        return this.#finish(inode.release());
      }
      default: {
        const types = { chardev: S.IFCHR, blockdev: S.IFBLK, fifo: S.IFIFO };
        const rdev = entry.kind === "fifo" ? 0 : deviceNumber(entry.major, entry.minor);
        const inode = this.#finish(
          parent.create(name, { mode: types[entry.kind] | mode, uid, gid, rdev }),
        );
        this.#dress(inode, entry);
        this.#finish(inode.release());
      }
    }
  }

  async #write(
    inode: Inode,
    chunks: AsyncIterable<Uint8Array>,
    sizeBytes: number,
  ): Promise<void> {
    let at = 0;
    for await (const chunk of chunks) {
      for (let done = 0; done < chunk.length;) {
        const piece = chunk.subarray(done, done + PIECE_BYTES);
        const written = this.#finish(inode.write(at, piece));
        if (written === 0) throw new Errno(E.ENOSPC);
        at += written;
        done += written;
      }
    }
    if (at !== sizeBytes) throw new Error(`it has ${at} bytes, and was to have ${sizeBytes}`);
  }

  /** Mode, owner and times; after the contents, since writing changes them. */
  #dress(inode: Inode, { kind, mode, uid, gid, mtimeSeconds }: Entry): void {
    const type = inode.attributes.mode & S.IFMT;
    const mtimeNs = BigInt(mtimeSeconds) * NS_PER_SECOND;
    const permissions = kind === "symlink" ? 0o777 : mode;
    this.#finish(
      inode.setAttributes({ mode: type | permissions, uid, gid, mtimeNs, atimeNs: mtimeNs }),
    );
  }

  #finish<T>(result: Blocking<T>): T {
    return this.#run(finish(result));
  }

  /** The disk answers at once, so work never waits for more than other work. */
  #run<T>(body: Coroutine<T>): T {
    let outcome: { value: T | undefined; failure: unknown } | undefined;
    this.#tasks.spawn(body, (value, failure) => outcome = { value, failure });
    while (outcome === undefined) {
      if (this.#tasks.run() === 0) throw new Error("the file system waits for nothing");
    }
    if (outcome.failure !== undefined) throw outcome.failure;
    return outcome.value as T;
  }
}

/** A name or target as the file system takes it: a character a byte. */
function byteString(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return bytes.length === text.length ? text : String.fromCharCode(...bytes);
}

/** `st_rdev`, as Linux keeps it on the disk. */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff | major << 8 | (minor & ~0xff) << 12) >>> 0;
}

/** A name of the file system that depends on what is in it alone. */
async function uuidOf(entries: Entry[], sizeBytes: number): Promise<Uint8Array> {
  const list = entries.map((entry) => ({
    ...entry,
    data: entry.kind === "file" ? entry.data.sizeBytes : 0,
  }));
  const text = new TextEncoder().encode(JSON.stringify([sizeBytes, list]));
  const uuid = new Uint8Array(await crypto.subtle.digest("SHA-256", text)).slice(0, 16);
  uuid[6] = uuid[6] & 0x0f | 0x80;
  uuid[8] = uuid[8] & 0x3f | 0x80;
  return uuid;
}
