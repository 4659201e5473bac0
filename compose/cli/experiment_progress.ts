// How far an experiment is: a line that changes on a terminal, and now and then a line where there is none.
import type { ExperimentPlan } from "../../schemas/experiment_plan.ts";
import { whatIsLeft } from "../../runtime/experiment/progress.ts";
import type { RunRecord } from "../../runtime/experiment/records.ts";
import { durationText } from "./duration.ts";
import { StatusLine } from "./terminal/progress.ts";

/** Without a terminal, one line in so long. */
const LINE_EVERY_MS = 10_000;

export class ExperimentProgress {
  readonly #status: StatusLine;
  #lineMs = -Infinity;

  constructor(
    private readonly plan: ExperimentPlan,
    private readonly runs: readonly RunRecord[],
    private readonly shown: boolean,
  ) {
    this.#status = new StatusLine(shown);
    if (!shown) return;
    const { cases, pruned } = plan;
    const count = runs.length === 1 ? "1 run is" : `${runs.length} runs are`;
    const before = runs.length > 0 ? `, ${count} there already` : "";
    console.error(
      `${plan.title}: ${cases.length} combinations, ${pruned.length} left out${before}`,
    );
  }

  readonly before = (id: string): void => {
    const { runs, seconds } = whatIsLeft(this.plan, this.runs);
    const time = seconds === undefined ? "" : `, ${durationText(seconds * 1000)} left`;
    const text = `${this.runs.length} of ${this.runs.length + runs} runs${time}  ${id}`;
    this.#status.show(text);
    const now = performance.now();
    if (!this.shown || Deno.stderr.isTerminal() || now - this.#lineMs < LINE_EVERY_MS) return;
    this.#lineMs = now;
    console.error(text);
  };

  readonly after = ({ case: id, failure, output }: RunRecord): void => {
    if (failure === undefined || !this.shown) return;
    const last = output?.trim().split("\n").at(-1);
    this.#status.note(`${id}: ${failure}${last ? `: ${last}` : ""}`);
  };

  end(): void {
    this.#status.clear();
  }
}
