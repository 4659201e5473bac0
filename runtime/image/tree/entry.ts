// What a file system is filled with: entries that name a path, its owner, its mode and its contents.
// Every source of a tree (Debian packages, a folder, a tar file) makes these, every sink takes them.

/** Contents of a regular file, read when they are needed and as often as they are. */
export interface FileData {
  readonly sizeBytes: number;
  /** pieces in order, `sizeBytes` in all; a piece may be reused by the source for the next one */
  chunks(): AsyncIterable<Uint8Array>;
}

interface EntryAttributes {
  /** from the root, without a slash at either end; "" is the root itself */
  path: string;
  /** permission bits, set-user-ID, set-group-ID and sticky included: 0o7777 at most */
  mode: number;
  uid: number;
  gid: number;
  /** time of the last change, seconds since 1970 */
  mtimeSeconds: number;
}

export interface FileEntry extends EntryAttributes {
  kind: "file";
  data: FileData;
}

export interface DirectoryEntry extends EntryAttributes {
  kind: "directory";
}

export interface SymlinkEntry extends EntryAttributes {
  kind: "symlink";
  target: string;
}

/** One more name for a regular file that comes earlier. */
export interface HardlinkEntry extends EntryAttributes {
  kind: "hardlink";
  /** path of the file, from the root */
  target: string;
}

export interface DeviceEntry extends EntryAttributes {
  kind: "chardev" | "blockdev";
  major: number;
  minor: number;
}

export interface FifoEntry extends EntryAttributes {
  kind: "fifo";
}

export type Entry =
  | FileEntry
  | DirectoryEntry
  | SymlinkEntry
  | HardlinkEntry
  | DeviceEntry
  | FifoEntry;

/** Attributes that have a default: owner root, time 0 (the tree's own time is put in its place). */
export type Attributes = Partial<Omit<EntryAttributes, "path">>;

/** Contents that are in memory. */
export function dataOf(contents: string | Uint8Array): FileData {
  const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
  return {
    sizeBytes: bytes.length,
    async *chunks() {
      if (bytes.length > 0) yield await Promise.resolve(bytes);
    },
  };
}

/** A regular file, mode 0644 unless said otherwise. */
export function fileEntry(
  path: string,
  contents: string | Uint8Array | FileData,
  attributes: Attributes = {},
): FileEntry {
  const data = typeof contents === "string" || contents instanceof Uint8Array
    ? dataOf(contents)
    : contents;
  return { ...withDefaults(path, 0o644, attributes), kind: "file", data };
}

/** A directory, mode 0755 unless said otherwise. */
export function directoryEntry(path: string, attributes: Attributes = {}): DirectoryEntry {
  return { ...withDefaults(path, 0o755, attributes), kind: "directory" };
}

export function symlinkEntry(
  path: string,
  target: string,
  attributes: Attributes = {},
): SymlinkEntry {
  return { ...withDefaults(path, 0o777, attributes), kind: "symlink", target };
}

export function chardevEntry(
  path: string,
  major: number,
  minor: number,
  attributes: Attributes = {},
): DeviceEntry {
  return { ...withDefaults(path, 0o600, attributes), kind: "chardev", major, minor };
}

function withDefaults(path: string, mode: number, attributes: Attributes): EntryAttributes {
  return { path, mode, uid: 0, gid: 0, mtimeSeconds: 0, ...attributes };
}

/** The contents of a file as one piece. */
export async function readData(data: FileData): Promise<Uint8Array> {
  const bytes = new Uint8Array(data.sizeBytes);
  let done = 0;
  for await (const chunk of data.chunks()) {
    if (done + chunk.length > bytes.length) throw new Error("it is longer than it says");
    bytes.set(chunk, done);
    done += chunk.length;
  }
  if (done !== bytes.length) throw new Error("it is shorter than it says");
  return bytes;
}
