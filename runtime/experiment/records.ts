// results.jsonl: a first line that says what the results belong to, and a line for each run as it ends. What
// is there is what was measured, whatever stopped the experiment; it goes on from there.
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import type { HostDescription } from "./host.ts";

/** The first line. */
export interface Header {
  experiment: string;
  /** of the plan: results of another one are not mixed with these */
  digest: string;
  startedAt: string;
  host: HostDescription;
}

/** A run. */
export interface RunRecord {
  case: string;
  /** from 0 */
  round: number;
  /** whether it is one that counts, and not a warm-up */
  counts: boolean;
  startedAt: string;
  /** all of it: the process, the boot, the programs */
  seconds: number;
  /** of the host, before it */
  load?: number;
  figures?: Record<string, number>;
  /** by domain */
  counters?: Record<string, Record<string, number>>;
  /** why there are no figures */
  failure?: string;
  /** the end of what a failed program printed */
  output?: string;
}

/** Results that belong to another experiment, or that somebody else is writing. */
export class NotOurs extends Error {}

/** A digest of everything that says what is run. */
export async function digestOf(plan: ExperimentPlan): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(plan));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The file of an experiment's runs. */
export class Records implements Disposable {
  private constructor(
    readonly header: Header,
    readonly runs: RunRecord[],
    private readonly file: Deno.FsFile,
  ) {}

  /**
   * Opens a file of results, or makes it.
   *
   * @param header for a file that is not there
   * @throws NotOurs where the file is that of another plan, or another process has it open
   */
  static open(path: string, header: Header): Records {
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    try {
      if (!file.tryLockSync(true)) throw new NotOurs(`${path} is being written by another process`);
      // What a run was about to write when it was stopped is no line.
      const lines = Deno.readTextFileSync(path).split("\n").slice(0, -1);
      const place = (index: number) => `${path}:${index + 1}`;
      const first = lines.length > 0 ? parseLine<Header>(lines[0], place(0)) : undefined;
      const runs = lines.slice(1).map((line, index) =>
        parseLine<RunRecord>(line, place(index + 1))
      );
      if (first !== undefined && first.digest !== header.digest) {
        const whose = first.experiment === header.experiment
          ? "another form of it"
          : `"${first.experiment}"`;
        throw new NotOurs(
          `${path} has the results of ${whose}: what it says has changed since ${first.startedAt}`,
        );
      }
      const whole = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
      file.truncateSync(whole.length);
      file.seekSync(0, Deno.SeekMode.End);
      const records = new Records(first ?? header, runs, file);
      if (first === undefined) records.#write(header);
      return records;
    } catch (failure) {
      file.close();
      throw failure;
    }
  }

  add(run: RunRecord): void {
    this.runs.push(run);
    this.#write(run);
  }

  #write(value: unknown): void {
    const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
    for (let done = 0; done < bytes.length;) done += this.file.writeSync(bytes.subarray(done));
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}

function parseLine<T>(line: string, place: string): T {
  try {
    return JSON.parse(line) as T;
  } catch {
    throw new NotOurs(`${place} is no result of an experiment`);
  }
}
