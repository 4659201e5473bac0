// What every case is: something that measures rows one after another, and says meanwhile how far it is.
import type { Row } from "./statistics.ts";

/** What the command hands to a case. */
export interface Settings {
  /** a folder to work in, gone afterwards */
  folder: string;
  /** fewer and shorter runs */
  quick: boolean;
  /** whether a row is asked for; what is not need not be measured */
  wants(row: string): boolean;
  /** says what is done now, to whoever waits for it */
  tell(what: string): void;
}

/** Measures, and gives each row as soon as there is one. */
export type Case = (settings: Settings) => AsyncIterable<Row>;

/** Measures the same a number of times. @param what is measured */
export async function repeated<T>(
  { tell }: Settings,
  what: string,
  runs: number,
  measure: () => T | Promise<T>,
): Promise<T[]> {
  const all: T[] = [];
  for (let run = 1; run <= runs; run++) {
    tell(`${what}, run ${run} of ${runs}`);
    all.push(await measure());
  }
  return all;
}
