// Alternatives (update-alternatives(1)) as the packages' postinst scripts ask for them: of several
// programs that can stand for a name the one of highest priority does. Only calls in which nothing is
// computed are understood.
import { symlinkEntry } from "../tree/entry.ts";
import type { Tree } from "../tree/tree.ts";

export interface Alternative {
  /** the name that programs use */
  link: string;
  /** the name in /etc/alternatives */
  name: string;
  path: string;
  priority: number;
  slaves: { link: string; name: string; path: string }[];
}

/** The alternatives that a maintainer script installs. */
export function readAlternatives(script: string): Alternative[] {
  const commands = script.replace(/\\\n/g, " ").matchAll(
    /update-alternatives\s+(?:--\w+\s+)*?--install\s+([^\n|;&]*)/g,
  );
  return [...commands].flatMap(([, line]) => {
    const found = line.trim().split(/\s+/).map((word) => word.replace(/^(["'])(.*)\1$/, "$2"));
    const [link, name, path, priority, ...rest] = found;
    if (found.some((word) => word.includes("$")) || !/^-?\d+$/.test(priority ?? "")) return [];
    const slaves: Alternative["slaves"] = [];
    for (let at = 0; rest[at] === "--slave"; at += 4) {
      slaves.push({ link: rest[at + 1], name: rest[at + 2], path: rest[at + 3] });
    }
    return [{ link, name, path, priority: Number(priority), slaves }];
  });
}

/** Makes the links of those alternatives whose programs are in the tree. */
export function linkAlternatives(tree: Tree, alternatives: Alternative[]): void {
  const best = new Map<string, Alternative>();
  for (const each of alternatives) {
    if (tree.find(each.path) === undefined) continue;
    const rival = best.get(each.name);
    if (rival === undefined || rival.priority < each.priority) best.set(each.name, each);
  }
  for (const { link, name, path, slaves } of best.values()) {
    for (const each of [{ link, name, path }, ...slaves]) {
      if (each.path === undefined || tree.find(each.path) === undefined) continue;
      tree.add(symlinkEntry(`etc/alternatives/${each.name}`, each.path), "keep");
      tree.add(symlinkEntry(each.link, `/etc/alternatives/${each.name}`), "keep");
    }
  }
}
