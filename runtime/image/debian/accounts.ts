// /etc/passwd, /etc/group and /etc/shadow: base-passwd's master files, and the accounts that packages add
// (sysusers.d(5)). Numbers are given in order, so the same packages get the same ones.
import { fileEntry } from "../tree/entry.ts";
import type { Tree } from "../tree/tree.ts";

/** Accounts of packages get numbers from here on, as `adduser --system` gives them. */
const FIRST_SYSTEM_ID = 100, LAST_SYSTEM_ID = 999;
const SHADOW_GROUP = "shadow";
const DAY_SECONDS = 86400;

interface User {
  id: number;
  groupId: number;
  comment: string;
  home: string;
  shell: string;
}

interface Group {
  id: number;
  members: string[];
}

export class Accounts {
  readonly #users = new Map<string, User>();
  readonly #groups = new Map<string, Group>();

  /** Reads what is there: files in the formats of passwd(5) and group(5). */
  constructor(passwd: string, group: string) {
    for (const [name, , id, members] of rows(group)) {
      this.#groups.set(name, {
        id: Number(id),
        members: (members ?? "").split(",").filter((member) => member !== ""),
      });
    }
    for (const [name, , id, groupId, comment, home, shell] of rows(passwd)) {
      this.#users.set(name, { id: Number(id), groupId: Number(groupId), comment, home, shell });
    }
    if (!this.#users.has("root")) {
      this.#users.set("root", {
        id: 0,
        groupId: 0,
        comment: "root",
        home: "/root",
        shell: "/bin/sh",
      });
    }
    if (!this.#groups.has("root")) this.#groups.set("root", { id: 0, members: [] });
  }

  /** Adds the accounts of a sysusers.d file; those that are there stay. */
  add(sysusers: string): void {
    const lines = sysusers.split("\n").map(words).filter(([type]) => /^[ugm]/.test(type ?? ""));
    for (const [type, name, id] of lines) {
      if (type.startsWith("g")) this.#group(name, id);
    }
    for (const [type, name, id, comment, home, shell] of lines) {
      if (type.startsWith("u")) this.#user(name, id, comment, home, shell);
    }
    for (const [type, name, group] of lines) {
      if (!type.startsWith("m")) continue;
      this.#group(group, "-");
      const { members } = this.#groups.get(group)!;
      if (!members.includes(name)) members.push(name);
    }
  }

  #group(name: string, id = "-"): number {
    const present = this.#groups.get(name);
    if (present !== undefined) return present.id;
    const given = /^\d+$/.test(id) ? Number(id) : this.#freeId();
    this.#groups.set(name, { id: given, members: [] });
    return given;
  }

  #user(name: string, id = "-", comment = "-", home = "-", shell = "-"): void {
    if (this.#users.has(name)) return;
    const [own, group] = id.split(":");
    const given = /^\d+$/.test(own) ? Number(own) : this.#groups.get(name)?.id ?? this.#freeId();
    let groupId: number;
    if (group === undefined) groupId = this.#group(name, String(given));
    else groupId = /^\d+$/.test(group) ? Number(group) : this.#group(group);
    const or = (value: string, instead: string) => value === "-" ? instead : value;
    this.#users.set(name, {
      id: given,
      groupId,
      comment: or(comment, ""),
      home: or(home, "/nonexistent"),
      shell: or(shell, "/usr/sbin/nologin"),
    });
  }

  #freeId(): number {
    const taken = new Set([...this.#users.values(), ...this.#groups.values()].map(({ id }) => id));
    for (let id = FIRST_SYSTEM_ID; id <= LAST_SYSTEM_ID; id++) if (!taken.has(id)) return id;
    throw new Error("Cannot add an account: there is no free number for it");
  }

  /** The number of a user, by name or as digits. @throws Error for a name that nobody has */
  userId(name: string): number {
    return idOf(name, this.#users, "user");
  }

  groupId(name: string): number {
    return idOf(name, this.#groups, "group");
  }

  /** Writes the files into a tree. A shell that is not in the tree becomes /bin/sh. */
  store(tree: Tree): void {
    const shellOf = (shell: string) =>
      shell.endsWith("/bash") && tree.find(shell) === undefined ? "/bin/sh" : shell;
    const passwd = [...this.#users].map(([name, { id, groupId, comment, home, shell }]) =>
      `${name}:x:${id}:${groupId}:${comment}:${home}:${shellOf(shell)}\n`
    );
    const groups = [...this.#groups].map(([name, { id, members }]) =>
      `${name}:x:${id}:${members.join(",")}\n`
    );
    const changedDay = Math.floor(tree.newestSeconds / DAY_SECONDS);
    const shadow = [...this.#users.keys()].map((name) => `${name}:*:${changedDay}:0:99999:7:::\n`);
    const gshadow = [...this.#groups].map(([name, { members }]) =>
      `${name}:*::${members.join(",")}\n`
    );
    const secret = { mode: 0o640, gid: this.#groups.get(SHADOW_GROUP)?.id ?? 0 };
    tree.add(fileEntry("etc/passwd", passwd.join("")), "replace");
    tree.add(fileEntry("etc/group", groups.join("")), "replace");
    tree.add(fileEntry("etc/shadow", shadow.join(""), secret), "replace");
    tree.add(fileEntry("etc/gshadow", gshadow.join(""), secret), "replace");
  }
}

function idOf(name: string, from: Map<string, { id: number }>, what: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  const found = from.get(name);
  if (found === undefined) throw new Error(`Cannot give a file to ${what} ${name}: there is none`);
  return found.id;
}

function rows(text: string): string[][] {
  return text.split("\n").filter((line) => line.includes(":")).map((line) => line.split(":"));
}

/** Words between spaces, or between double quotes. */
export function words(line: string): string[] {
  if (/^\s*#/.test(line)) return [];
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare);
}
