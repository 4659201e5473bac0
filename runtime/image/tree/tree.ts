// A tree of entries under construction: one entry a path, parents before children, and paths followed
// through the tree's own symbolic links (a package's /bin/x lands in /usr/bin/x where /bin is a link).
import { directoryEntry, type Entry, readData } from "./entry.ts";

/** Symbolic links followed on one path before it is taken for a loop, as in Linux. */
const MAX_LINKS = 40;
const MAX_PATH_BYTES = 4096;
const MAX_NAME_BYTES = 255;

/** What to do with an entry whose path is taken. */
export type OnConflict = "error" | "replace" | "keep";

export class Tree {
  readonly #entries = new Map<string, Entry>();
  /** directories that nobody named: made because something lies in them */
  readonly #implied = new Set<string>();
  #newest = 0;

  /** All entries; a directory comes before what is in it, a hard link after its file. */
  get entries(): Entry[] {
    const all = [...this.#entries.values()].map((entry) =>
      entry.mtimeSeconds === 0 ? { ...entry, mtimeSeconds: this.#newest } : entry
    );
    const links = all.filter((entry) => entry.kind === "hardlink");
    return [...all.filter((entry) => entry.kind !== "hardlink"), ...links];
  }

  get size(): number {
    return this.#entries.size;
  }

  /** newest change in it, seconds since 1970; what has no time of its own gets this one */
  get newestSeconds(): number {
    return this.#newest;
  }

  /**
   * Puts an entry where its path leads. A directory that is there already, or a link to one, stays.
   * @throws Error for a path that is not one, that leads through a file, or that is taken
   */
  add(entry: Entry, onConflict: OnConflict = "error"): void {
    const path = this.#place(entry.path);
    const present = this.#entries.get(path);
    const placed = { ...entry, path };
    if (placed.kind === "hardlink") placed.target = this.#linkTarget(placed.target, path);
    if (present !== undefined && !this.#mayReplace(present, placed, onConflict)) return;
    this.#newest = Math.max(this.#newest, entry.mtimeSeconds);
    this.#implied.delete(path);
    // A replaced directory stays where it is in the order, since its children come after it.
    if (present?.kind !== "directory") this.#entries.delete(path);
    this.#entries.set(path, placed);
  }

  addAll(entries: Iterable<Entry>, onConflict: OnConflict = "error"): void {
    for (const entry of entries) this.add(entry, onConflict);
  }

  #mayReplace(present: Entry, entry: Entry, onConflict: OnConflict): boolean {
    if (entry.kind === "directory") {
      if (present.kind === "directory") {
        return this.#implied.has(present.path) || onConflict === "replace";
      }
      if (present.kind === "symlink" && this.find(present.path)?.kind === "directory") return false;
    }
    if (onConflict === "keep") return false;
    const emptied = present.kind !== "directory" || entry.kind === "directory" ||
      ![...this.#entries.keys()].some((path) => path.startsWith(`${present.path}/`));
    if (onConflict === "replace" && emptied) return true;
    throw new Error(`Cannot add /${entry.path}: a ${present.kind} of that name is there`);
  }

  #linkTarget(target: string, path: string): string {
    const place = this.#place(target);
    const file = this.#entries.get(place);
    if (file?.kind === "hardlink") return file.target;
    if (file?.kind === "file") return place;
    throw new Error(`Cannot add /${path}: it is a hard link to /${target}, which is no file`);
  }

  /** Takes an entry that is not a directory away. */
  remove(path: string): void {
    const place = this.#place(path);
    if (this.#entries.get(place)?.kind !== "directory") this.#entries.delete(place);
  }

  /** The entry of a path, not followed if it is a symbolic link itself. */
  get(path: string): Entry | undefined {
    const place = this.#locate(path);
    return place === undefined ? undefined : this.#entries.get(place);
  }

  /** The entry that a path leads to, links followed. */
  find(path: string): Entry | undefined {
    let place = this.#locate(path);
    for (let links = 0; place !== undefined && links < MAX_LINKS; links++) {
      const entry = this.#entries.get(place);
      if (entry?.kind === "hardlink") return this.#entries.get(entry.target);
      if (entry?.kind !== "symlink") return entry;
      place = this.#locate(targetOf(entry.path, entry.target));
    }
    return undefined;
  }

  /** The text of a file; undefined where there is none. */
  async readText(path: string): Promise<string | undefined> {
    const entry = this.find(path);
    if (entry?.kind !== "file") return undefined;
    return new TextDecoder().decode(await readData(entry.data));
  }

  /** Entries directly in a directory. */
  list(directory: string): Entry[] {
    const found = this.find(directory);
    if (found === undefined) return [];
    const prefix = found.path === "" ? "" : `${found.path}/`;
    return [...this.#entries.values()].filter(({ path }) =>
      path !== "" && path.startsWith(prefix) && !path.includes("/", prefix.length)
    );
  }

  /** Where a path lies; makes the directories on the way. */
  #place(path: string): string {
    const parts = checkedParts(path);
    const name = parts.pop();
    if (name === undefined) return "";
    const directory = this.#walk(parts, true)!;
    return directory === "" ? name : `${directory}/${name}`;
  }

  #locate(path: string): string | undefined {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    const name = parts.pop();
    if (name === undefined) return "";
    const directory = this.#walk(parts, false);
    return directory === undefined ? undefined : join(directory, name);
  }

  /** Follows a path of directories and links to directories. */
  #walk(parts: string[], make: boolean): string | undefined {
    const rest = [...parts];
    let links = 0;
    let at = "";
    while (rest.length > 0) {
      const next = join(at, rest.shift()!);
      const entry = this.#entries.get(next);
      if (entry?.kind === "symlink") {
        if (++links > MAX_LINKS) throw new Error(`Cannot follow /${next}: too many symbolic links`);
        if (entry.target.startsWith("/")) at = "";
        rest.unshift(...entry.target.split("/").filter((part) => part !== "" && part !== "."));
      } else if (entry === undefined && next !== "") {
        if (!make) return undefined;
        this.#entries.set(next, directoryEntry(next));
        this.#implied.add(next);
        at = next;
      } else if (entry !== undefined && entry.kind !== "directory") {
        if (!make) return undefined;
        throw new Error(`Cannot use /${next} as a directory: it is a ${entry.kind}`);
      } else at = next;
    }
    return at;
  }
}

/** ".." goes up and stops at the root, as in a running system. */
function join(directory: string, name: string): string {
  if (name === "..") return directory.slice(0, Math.max(0, directory.lastIndexOf("/")));
  return directory === "" ? name : `${directory}/${name}`;
}

/** Where a link leads, as a path from the root. */
function targetOf(path: string, target: string): string {
  return target.startsWith("/") ? target : `${path.slice(0, path.lastIndexOf("/") + 1)}${target}`;
}

/** The names of an entry's path. @throws Error where it could lead out of the tree */
function checkedParts(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  if (parts.includes("..")) throw new Error(`Cannot use path ${path}: it has ".."`);
  if (path.includes("\0")) throw new Error(`Cannot use path ${path}: it has a zero byte`);
  if (bytes(path) > MAX_PATH_BYTES || parts.some((part) => bytes(part) > MAX_NAME_BYTES)) {
    throw new Error(`Cannot use path ${path.slice(0, 60)}...: it is too long`);
  }
  return parts;
}
