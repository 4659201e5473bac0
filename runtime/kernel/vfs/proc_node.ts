// What /proc and /sys are made of: nodes that say what they hold when they are asked. The process component makes
// the trees; node_filesystem.ts shows them as file systems. Texts and names are byte strings.
import type { Blocking } from "../coroutine.ts";
import type { Credential } from "../service.ts";

interface Owned {
  /** permissions, without the file type */
  mode: number;
  /** root where it does not say */
  owner?(): { uid: number; gid: number };
}

export interface ProcFile extends Owned {
  kind: "file";
  /** made anew whenever somebody reads from the start. @throws Errno ESRCH where what it tells of is gone */
  read?(): Blocking<string>;
  /** without it, writing is refused */
  write?(text: string): void;
  /** for a file that is no text: what is at an offset, or comes there */
  readAt?(offset: number, into: Uint8Array): Blocking<number>;
  writeAt?(offset: number, from: Uint8Array): Blocking<number>;
}

export interface ProcLink {
  kind: "link";
  owner?(): { uid: number; gid: number };
  /** what readlink(2) gives. @throws Errno EACCES, ENOENT */
  target(caller: Credential | undefined): Blocking<string>;
  /**
   * For a link that stands for something whatever its path is now: a number by which the mount table knows the
   * place. Undefined where the target is walked to like that of any link.
   */
  place?(caller: Credential | undefined): number | undefined;
}

export interface ProcDirectory extends Owned {
  kind: "directory";
  names(): Iterable<string>;
  find(name: string): ProcNode | undefined;
}

export type ProcNode = ProcFile | ProcLink | ProcDirectory;

/** A directory of nodes that stay. */
export function directory(nodes: Record<string, ProcNode>): ProcDirectory {
  const byName = new Map(Object.entries(nodes));
  return {
    kind: "directory",
    mode: 0o555,
    names: () => byName.keys(),
    find: (name) => byName.get(name),
  };
}

/** A file that everybody may read. */
export function text(read: () => Blocking<string>): ProcFile {
  return { kind: "file", mode: 0o444, read };
}

/** A file of one line that everybody may read. */
export function line(value: string | number): ProcFile {
  return text(() => `${value}\n`);
}

/** A link to a path that stays. */
export function linkTo(path: string): ProcLink {
  return { kind: "link", target: () => path };
}
