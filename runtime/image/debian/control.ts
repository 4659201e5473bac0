// The control format (deb822(5)): stanzas of fields, with continuation lines; and the relations between
// packages that some fields hold.

export type Stanza = Map<string, string>;

/** The stanzas of a control file. Field names are in lower case; continuation lines keep their newlines. */
export function parseStanzas(text: string): Stanza[] {
  return text.split(/\n[ \t]*\n/).map(parseStanza).filter((stanza) => stanza.size > 0);
}

/** One stanza. @throws Error for a line that is no field */
export function parseStanza(text: string): Stanza {
  const stanza: Stanza = new Map();
  let last = "";
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    if (/^[ \t]/.test(line)) {
      if (last === "") throw new Error(`a continuation without a field: ${line.trim()}`);
      stanza.set(last, `${stanza.get(last)}\n${line.slice(1)}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) throw new Error(`no field: ${line.slice(0, 60)}`);
    last = line.slice(0, colon).toLowerCase();
    stanza.set(last, line.slice(colon + 1).trim());
  }
  return stanza;
}

/** One package that a relation names, perhaps only in some versions. */
export interface Relation {
  name: string;
  /** "<<", "<=", "=", ">=" or ">>"; undefined for any version */
  operator?: string;
  version?: string;
}

const RELATION =
  /^([a-zA-Z0-9][a-zA-Z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?\s*(?:\[[^\]]*\])?$/;

/**
 * A relation field: groups that all have to hold, each a list of alternatives.
 * @throws Error for a relation that cannot be read
 */
export function parseRelations(field: string | undefined): Relation[][] {
  if (field === undefined) return [];
  return field.split(",").map((group) => group.trim()).filter((group) => group !== "").map((
    group,
  ) =>
    group.split("|").map((alternative) => {
      const match = RELATION.exec(alternative.trim());
      if (match === null) throw new Error(`the relation "${alternative.trim()}" cannot be read`);
      const [, name, operator, version] = match;
      return operator === undefined ? { name } : { name, operator, version };
    })
  );
}

/** A group as control files have it. */
export function formatRelations(group: Relation[]): string {
  return group.map(({ name, operator, version }) =>
    operator === undefined ? name : `${name} (${operator} ${version})`
  ).join(" | ");
}
