// The tree of a folder of the host. Contents are read when the tree is written somewhere.
import { type Entry, type FileData, fileEntry } from "./entry.ts";
import { Tree } from "./tree.ts";

export interface FolderOptions {
  /** owners as on the host; otherwise everything belongs to root */
  keepOwners?: boolean;
}

const MS_PER_SECOND = 1000;

/** @throws Error that names what cannot be read */
export function treeOfFolder(folder: string, options: FolderOptions = {}): Tree {
  const tree = new Tree();
  const linked = new Map<string, string>();
  const visit = (path: string) => {
    const host = path === "" ? folder : `${folder}/${path}`;
    try {
      const entry = entryOf(path, host, options, linked);
      if (entry === undefined) return;
      tree.add(entry);
      if (entry.kind !== "directory") return;
      const names = [...Deno.readDirSync(host)].map(({ name }) => name).sort();
      for (const name of names) visit(path === "" ? name : `${path}/${name}`);
    } catch (failure) {
      const { message } = failure as Error;
      throw message.startsWith("Cannot read folder")
        ? failure
        : new Error(`Cannot read folder ${folder}: ${host}: ${message}`);
    }
  };
  if (!Deno.statSync(folder).isDirectory) {
    throw new Error(`Cannot read folder ${folder}: it is none`);
  }
  visit("");
  return tree;
}

/** @param linked paths of files with several names, by device and inode */
function entryOf(
  path: string,
  host: string,
  { keepOwners }: FolderOptions,
  linked: Map<string, string>,
): Entry | undefined {
  const info = path === "" ? Deno.statSync(host) : Deno.lstatSync(host);
  const attributes = {
    path,
    mode: (info.mode ?? 0o755) & 0o7777,
    uid: keepOwners ? info.uid ?? 0 : 0,
    gid: keepOwners ? info.gid ?? 0 : 0,
    mtimeSeconds: Math.max(1, Math.floor((info.mtime?.getTime() ?? 0) / MS_PER_SECOND)),
  };
  if (info.isDirectory) return { ...attributes, kind: "directory" };
  if (info.isSymlink) return { ...attributes, kind: "symlink", target: Deno.readLinkSync(host) };
  if (info.isFifo) return { ...attributes, kind: "fifo" };
  if (info.isCharDevice || info.isBlockDevice) {
    const rdev = info.rdev ?? 0;
    return {
      ...attributes,
      kind: info.isCharDevice ? "chardev" : "blockdev",
      major: rdev >>> 8 & 0xfff,
      minor: rdev & 0xff | rdev >>> 12 & 0xfff00,
    };
  }
  if (!info.isFile) return undefined;
  if ((info.nlink ?? 1) > 1) {
    const key = `${info.dev}:${info.ino}`;
    const target = linked.get(key);
    if (target !== undefined) return { ...attributes, kind: "hardlink", target };
    linked.set(key, path);
  }
  return { ...attributes, kind: "file", data: dataOfHostFile(host, info.size) };
}

/** Contents of a file of the host, which must not change its size meanwhile. */
function dataOfHostFile(path: string, sizeBytes = Deno.statSync(path).size): FileData {
  return {
    sizeBytes,
    async *chunks() {
      yield* (await Deno.open(path)).readable;
    },
  };
}

/**
 * A file of the host, or a folder with what is in it, at a path of a tree.
 * @throws Error that names what cannot be read
 */
export function entriesOfHost(path: string, file: string): Entry[] {
  try {
    const { mode, isDirectory } = Deno.statSync(file);
    if (isDirectory) return treeOfFolder(file).entries.map((entry) => under(path, entry));
    return [{
      ...fileEntry(path, "", { mode: (mode ?? 0o755) & 0o7777 }),
      data: dataOfHostFile(file),
    }];
  } catch (failure) {
    throw new Error(`Cannot add ${file} as /${path}: ${(failure as Error).message}`);
  }
}

/** An entry of a tree that is put at a path of another one. */
function under(path: string, entry: Entry): Entry {
  const at = (own: string) => own === "" ? path : `${path}/${own}`;
  const placed = { ...entry, path: at(entry.path) };
  if (placed.kind === "hardlink") placed.target = at(placed.target);
  return placed;
}
