// Whether parties that wait for others wait for each other.

/** The first circle there is, with its first member at both ends. @param waits who waits for whom */
export function findCircle(waits: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const walk = (name: string, path: string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const next of waits.get(name) ?? []) {
      const found = walk(next, [...path, name]);
      if (found) return found;
    }
    done.add(name);
  };
  for (const name of waits.keys()) {
    const found = walk(name, []);
    if (found) return found;
  }
}
