// What programs of this bench say of their work: lines of when a stretch of time began and ended, and how much
// was done in it.

interface Stretch {
  fromMs: number;
  toMs: number;
  count: number;
}

export class Stretches {
  readonly #all: Stretch[] = [];
  #rest = "";

  /** Takes what the program printed. */
  take(bytes: Uint8Array): void {
    const lines = (this.#rest + new TextDecoder().decode(bytes)).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const [fromMs, toMs, count] = line.split(" ").map(Number);
      if (count > 0) this.#all.push({ fromMs, toMs, count });
    }
  }

  /** All that was done. */
  get total(): number {
    return this.#all.reduce((sum, { count }) => sum + count, 0);
  }

  /** When the newest stretch ended, ms since 1970. */
  get endMs(): number {
    return this.#all.at(-1)?.toMs ?? 0;
  }

  /** What was done each second in a time, by what lies in it as a whole. */
  rate(fromMs: number, toMs: number): number {
    const within = this.#all.filter((each) => each.fromMs >= fromMs && each.toMs <= toMs);
    const count = within.reduce((sum, each) => sum + each.count, 0);
    return count * 1000 / within.reduce((sum, each) => sum + each.toMs - each.fromMs, 0);
  }
}
