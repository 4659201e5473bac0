// From the packages that are asked for to all that are needed: Pre-Depends and Depends, alternatives in
// the order they are written, virtual packages, conflicts. No Recommends.
import { formatRelations, type Relation } from "./control.ts";
import { fulfils, type Package, type PackageIndex } from "./package_index.ts";

/** Dependencies followed below one another; the longest chains of Debian are a few dozen. */
const MAX_DEPTH = 1000;

/**
 * All packages that are needed, each after those that it depends on where there is no cycle.
 * @throws Error that names the package which cannot be had, and what needs it
 */
export function resolve(index: PackageIndex, names: string[]): Package[] {
  const selection = new Selection(index);
  for (const name of names) selection.require([readName(name)], "what was asked for");
  return selection.ordered();
}

/** "name" or "name=version". */
function readName(text: string): Relation {
  const [name, version] = text.split("=");
  return version === undefined ? { name } : { name, operator: "=", version };
}

class Selection {
  #chosen = new Map<string, Package>();

  constructor(private readonly index: PackageIndex) {}

  /** Makes one of the alternatives true, the first that can be. */
  require(group: Relation[], by: string, depth = 0): void {
    if (depth > MAX_DEPTH) throw new Error(`Cannot resolve ${by}: dependencies are too deep`);
    const chosen = [...this.#chosen.values()];
    if (group.some((relation) => chosen.some((each) => fulfils(each, relation)))) return;
    let reason: Error | undefined;
    for (const relation of group) {
      for (const candidate of this.index.candidates(relation)) {
        const before = new Map(this.#chosen);
        try {
          this.#take(candidate, by, depth);
          return;
        } catch (failure) {
          this.#chosen = before;
          reason ??= failure as Error;
        }
      }
    }
    throw reason ?? new Error(
      `Cannot install ${formatRelations(group)}, needed by ${by}: ${this.#whyNot(group)}`,
    );
  }

  #take(candidate: Package, by: string, depth: number): void {
    const rival = [...this.#chosen.values()].find((each) => clash(each, candidate));
    if (rival !== undefined) {
      throw new Error(
        `Cannot install ${candidate.name}, needed by ${by}: it conflicts with ${rival.name}`,
      );
    }
    this.#chosen.set(candidate.name, candidate);
    for (const group of candidate.depends) this.require(group, candidate.name, depth + 1);
  }

  #whyNot(group: Relation[]): string {
    const present = group.map(({ name }) => this.index.get(name)).find((each) => each);
    if (present !== undefined) return `the archive has ${present.name} ${present.version}`;
    const near = nearest(group[0].name, this.index.names);
    return `the archive has no such package${near === undefined ? "" : ` (is ${near} meant?)`}`;
  }

  /** Dependencies first; members of a cycle in the order they were chosen. */
  ordered(): Package[] {
    const done = new Set<Package>();
    const visit = (each: Package) => {
      if (done.has(each)) return;
      done.add(each);
      for (const group of each.depends) {
        for (const other of this.#chosen.values()) {
          if (group.some((relation) => fulfils(other, relation))) visit(other);
        }
      }
      order.push(each);
    };
    const order: Package[] = [];
    for (const each of this.#chosen.values()) visit(each);
    return order;
  }
}

/** Conflicts do not hold against the package itself, which may provide what it conflicts with. */
function clash(a: Package, b: Package): boolean {
  return a.name !== b.name &&
    (a.conflicts.some((relation) => fulfils(b, relation)) ||
      b.conflicts.some((relation) => fulfils(a, relation)));
}

/** The name at the least distance, if that is small for its length. */
function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 4)) + 1;
  for (const each of names) {
    if (Math.abs(each.length - name.length) >= least) continue;
    const distance = editDistance(name, each);
    if (distance < least) [best, least] = [each, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(
        row[j] + 1,
        next[j - 1] + 1,
        row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1),
      ));
    }
    row = next;
  }
  return row[b.length];
}
