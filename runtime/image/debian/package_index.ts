// The packages that an archive has: a lookup over Packages files by name and by what is provided.
// Stanzas are read when they are asked for; of tens of thousands a root file system needs a few dozen.
import { parseRelations, parseStanza, type Relation, type Stanza } from "./control.ts";
import { compareVersions, satisfies } from "./version.ts";

/** A package that can be fetched. */
export interface Package {
  name: string;
  version: string;
  /** where its .deb is, below the archive that it came from */
  filename: string;
  archive: string;
  sizeBytes: number;
  /** of the .deb, in hexadecimal */
  sha256: string;
  /** Pre-Depends, then Depends */
  depends: Relation[][];
  /** Conflicts and Breaks */
  conflicts: Relation[];
  provides: Relation[];
  /** "required", "important", "standard", "optional" or "extra" */
  priority: string;
  stanza: Stanza;
}

const PRIORITIES = ["required", "important", "standard", "optional", "extra"];

export class PackageIndex {
  readonly #stanzas = new Map<string, { text: string; archive: string; version: string }>();
  readonly #providers = new Map<string, Set<string>>();
  readonly #parsed = new Map<string, Package>();

  /** Adds a Packages file. Of several versions of a package the newest is kept. */
  add(packages: string, archive: string): void {
    for (let at = 0; at < packages.length;) {
      const end = packages.indexOf("\n\n", at);
      const text = packages.slice(at, end < 0 ? packages.length : end + 1);
      at = end < 0 ? packages.length : end + 2;
      const name = field(text, "Package"), version = field(text, "Version");
      if (name === undefined || version === undefined) continue;
      const present = this.#stanzas.get(name);
      if (present !== undefined && compareVersions(present.version, version) >= 0) continue;
      this.#stanzas.set(name, { text, archive, version });
      const provides = field(text, "Provides");
      if (provides === undefined) continue;
      for (const [relation] of parseRelations(provides)) {
        const providers = this.#providers.get(relation.name) ?? new Set();
        this.#providers.set(relation.name, providers.add(name));
      }
    }
  }

  get size(): number {
    return this.#stanzas.size;
  }

  get names(): Iterable<string> {
    return this.#stanzas.keys();
  }

  /** @throws Error for a package whose stanza lacks what it must have */
  get(name: string): Package | undefined {
    const parsed = this.#parsed.get(name);
    if (parsed !== undefined) return parsed;
    const found = this.#stanzas.get(name);
    if (found === undefined) return undefined;
    const made = readPackage(found.text, found.archive);
    this.#parsed.set(name, made);
    return made;
  }

  /** Packages that fulfil a relation: the one of that name first, then providers, weightiest first. */
  candidates(relation: Relation): Package[] {
    const own = this.get(relation.name);
    const providers = [...this.#providers.get(relation.name) ?? []]
      .map((name) => this.get(name)!)
      .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
    return [...(own === undefined ? [] : [own]), ...providers.filter((each) => each !== own)]
      .filter((each) => fulfils(each, relation));
  }
}

/** Whether a package is what a relation asks for, by its name or by what it provides. */
export function fulfils(each: Package, { name, operator, version }: Relation): boolean {
  const holds = (has: string | undefined) =>
    operator === undefined || has !== undefined && satisfies(has, operator, version!);
  return each.name === name && holds(each.version) ||
    each.provides.some((provided) => provided.name === name && holds(provided.version));
}

function rank(each: Package): number {
  const at = PRIORITIES.indexOf(each.priority);
  return at < 0 ? PRIORITIES.length : at;
}

/** A field of one line, without reading the rest of the stanza. */
function field(stanza: string, name: string): string | undefined {
  const start = stanza.startsWith(`${name}:`) ? 0 : stanza.indexOf(`\n${name}:`) + 1;
  if (start === 0 && !stanza.startsWith(`${name}:`)) return undefined;
  const end = stanza.indexOf("\n", start);
  return stanza.slice(start + name.length + 1, end < 0 ? stanza.length : end).trim();
}

function readPackage(text: string, archive: string): Package {
  const stanza = parseStanza(text);
  const name = stanza.get("package")!;
  const needed = (field: string): string => {
    const value = stanza.get(field);
    if (value === undefined) throw new Error(`Cannot use package ${name}: it has no ${field}`);
    return value;
  };
  try {
    return {
      name,
      version: needed("version"),
      filename: needed("filename"),
      archive,
      sizeBytes: Number(needed("size")),
      sha256: needed("sha256"),
      depends: [
        ...parseRelations(stanza.get("pre-depends")),
        ...parseRelations(stanza.get("depends")),
      ],
      conflicts: [
        ...parseRelations(stanza.get("conflicts")).flat(),
        ...parseRelations(stanza.get("breaks")).flat(),
      ],
      provides: parseRelations(stanza.get("provides")).flat(),
      priority: stanza.get("priority") ?? "optional",
      stanza,
    };
  } catch (failure) {
    const { message } = failure as Error;
    throw new Error(
      message.startsWith("Cannot") ? message : `Cannot use package ${name}: ${message}`,
    );
  }
}
