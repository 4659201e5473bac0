// What was measured of kills so far, kept in a file: a run that is ended early is gone on with by the next.
import { seededFraction } from "../schemas/seeded_random.ts";

const FOLDER = ".virtuos/bench";

/** A domain that is killed. */
export type Killed = "storage" | "network";

/** What one boot adds. */
export interface Progress {
  kills: number;
  /** records that the writer said were durable */
  acknowledged: number;
  /** of them, those that were not what was written */
  lost: number;
  /** from each kill to the first answered call, ms; kills before that have none */
  firstCalls: number[];
  /** first calls that do not count, since this process was held up meanwhile */
  heldUps: number;
}

export class RecoveryResults {
  #rounds: Progress[];
  /** A number below 1, the same at the same place of the same course. */
  readonly draw: () => number;

  private constructor(
    readonly domain: Killed,
    private readonly file: string,
    rounds: Progress[],
  ) {
    this.#rounds = rounds;
    this.draw = seededFraction(this.kills);
  }

  /** What there is, unless that is as much as is wanted: then all begins anew. */
  static open(domain: Killed, wanted: number): RecoveryResults {
    const file = `${FOLDER}/recovery-${domain}-${wanted}.json`;
    let rounds: Progress[] = [];
    try {
      rounds = JSON.parse(Deno.readTextFileSync(file));
    } catch (failure) {
      if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    }
    const results = new RecoveryResults(domain, file, rounds);
    return results.kills < wanted ? results : new RecoveryResults(domain, file, []);
  }

  add(progress: Progress): void {
    this.#rounds.push(progress);
    Deno.mkdirSync(FOLDER, { recursive: true });
    // Ended in the middle, it leaves what there was.
    Deno.writeTextFileSync(`${this.file}.unfinished`, JSON.stringify(this.#rounds));
    Deno.renameSync(`${this.file}.unfinished`, this.file);
  }

  get rounds(): number {
    return this.#rounds.length;
  }

  get kills(): number {
    return this.#sum(({ kills }) => kills);
  }

  get acknowledged(): number {
    return this.#sum(({ acknowledged }) => acknowledged);
  }

  get lost(): number {
    return this.#sum(({ lost }) => lost);
  }

  get heldUps(): number {
    return this.#sum(({ heldUps }) => heldUps);
  }

  get firstCalls(): number[] {
    return this.#rounds.flatMap(({ firstCalls }) => firstCalls);
  }

  #sum(of: (progress: Progress) => number): number {
    return this.#rounds.reduce((sum, progress) => sum + of(progress), 0);
  }
}
