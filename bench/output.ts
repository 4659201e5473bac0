// What a run of the benchmarks prints: rows on standard output as they come, and on standard error what is
// measured now, which a terminal shows in one line.
import type { Row } from "./statistics.ts";

const COLUMNS: [title: string, width: number, cell: (row: Row) => string][] = [
  ["case", 46, (row) => row.case],
  ["ours", 9, ({ ours }) => digits(ours)],
  ["unit", 7, ({ unit }) => unit],
  ["peer", 15, ({ peer }) => peer],
  ["value", 9, ({ peerValue }) => digits(peerValue)],
  ["ratio", 6, ({ ratio }) => ratio.toFixed(2)],
  ["goal", 8, ({ goal }) => goal],
  ["runs", 4, ({ runs }) => String(runs)],
  ["spread", 6, ({ spread }) => spread.toFixed(2)],
];

/** Four digits that count, and no exponent. */
function digits(value: number): string {
  return value >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(4)));
}

export class BenchOutput {
  readonly #json: boolean;
  readonly #terminal = Deno.stderr.isTerminal();
  /** how many rows there were */
  rows = 0;
  /** whether one of them missed a goal that must not be missed */
  failed = false;

  /** @param json a line of JSON for each row, in place of a table */
  constructor(json: boolean) {
    this.#json = json;
  }

  row(row: Row): void {
    this.clear();
    if (this.#json) console.log(JSON.stringify(row));
    else {
      if (this.rows === 0) console.log(line(COLUMNS.map(([title]) => title)));
      console.log(line(COLUMNS.map(([, , cell]) => cell(row))));
    }
    this.rows++;
    this.failed ||= row.failed === true;
  }

  tell(what: string): void {
    if (!this.#terminal) return console.error(what);
    this.clear();
    Deno.stderr.writeSync(new TextEncoder().encode(`${what} ...`));
  }

  /** Takes away what a terminal shows of the work. */
  clear(): void {
    if (this.#terminal) Deno.stderr.writeSync(new TextEncoder().encode("\r\x1b[K"));
  }
}

function line(cells: string[]): string {
  return cells.map((cell, column) => cell.padEnd(COLUMNS[column][1])).join("  ").trimEnd();
}
