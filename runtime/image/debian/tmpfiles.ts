// The lines of tmpfiles.d(5) that a root file system at rest can hold: directories, files, links, copies,
// and owners of what is there.
import { directoryEntry, type Entry, fileEntry, symlinkEntry } from "../tree/entry.ts";
import type { Tree } from "../tree/tree.ts";
import { type Accounts, words } from "./accounts.ts";

/** Carries lines out on a tree. Paths that are computed at run time (`%`) are left to the run. */
export function applyTmpfiles(tree: Tree, accounts: Accounts, text: string): void {
  for (const line of text.split("\n")) {
    const [type, path, mode, user, group] = words(line);
    if (path === undefined || !path.startsWith("/") || /[%*?[]/.test(path)) continue;
    const argument = /^\s*(?:\S+\s+){6}(.*)$/.exec(line)?.[1] ?? "";
    applyLine(tree, accounts, { type, path: path.slice(1), mode, user, group, argument });
  }
}

interface Line {
  type: string;
  path: string;
  mode?: string;
  user?: string;
  group?: string;
  argument: string;
}

function applyLine(tree: Tree, accounts: Accounts, line: Line): void {
  const { type, path, argument } = line;
  const or = <T>(text: string | undefined, read: (text: string) => T, otherwise: T) =>
    text === undefined || text === "-" ? otherwise : read(text.replace(/^[~:]+/, ""));
  const owned = (mode: number) => ({
    mode: or(line.mode, (text) => parseInt(text, 8), mode),
    uid: or(line.user, (name) => accounts.userId(name), 0),
    gid: or(line.group, (name) => accounts.groupId(name), 0),
  });
  switch (type[0]) {
    case "d":
    case "D":
    case "q":
    case "Q":
    case "v":
      if (line.mode !== undefined) tree.add(directoryEntry(path, owned(0o755)), "replace");
      else tree.add(directoryEntry(path), "keep");
      break;
    case "f":
    case "F":
      tree.add(fileEntry(path, contentsOf(argument), owned(0o644)), "keep");
      break;
    case "L":
      // "L?" is left out where what it leads to is not there.
      if (type.includes("?") && !leads(tree, path, argument)) break;
      tree.add(symlinkEntry(path, argument), "keep");
      break;
    case "C": {
      const from = tree.find(argument.slice(1));
      if (from?.kind === "file") tree.add({ ...from, path }, "keep");
      break;
    }
    case "z":
    case "Z": {
      const present = tree.find(path);
      if (present !== undefined) {
        tree.add({ ...present, ...owned(present.mode) } as Entry, "replace");
      }
      break;
    }
  }
}

function leads(tree: Tree, path: string, target: string): boolean {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return tree.find(target.startsWith("/") ? target : folder + target) !== undefined;
}

function contentsOf(argument: string): string {
  if (argument === "") return "";
  return argument.replaceAll("\\t", "\t").replaceAll("\\n", "\n") + "\n";
}
