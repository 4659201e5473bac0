// The known name that was most likely meant, by edit distance (optimal string alignment).

/** Edits that make `b` of `a`: insert, delete, replace, swap neighbours. */
export function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
      }
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

/** "did you mean ...", where a known name is near. */
export function suggestNear(wrong: string, known: Iterable<string>): string | undefined {
  const [best] = [...known].map((name) => ({ name, edits: distance(wrong, name) }))
    .sort((a, b) => a.edits - b.edits);
  if (best === undefined || best.edits > Math.max(1, Math.floor(wrong.length / 3))) {
    return undefined;
  }
  // Of two letters one is half: everything short would be near to everything else.
  if (best.edits * 2 >= Math.max(wrong.length, best.name.length)) return undefined;
  return `did you mean "${best.name}"?`;
}

/** The same, or all that is known where nothing is near and the list is short. */
export function suggest(wrong: string, known: Iterable<string>): string | undefined {
  const names = [...known], near = suggestNear(wrong, names);
  if (near !== undefined) return near;
  if (names.length === 0) return undefined;
  return names.length <= 12 ? `known: ${names.join(", ")}` : undefined;
}
