// Faults of the plan that are due at a time: brought about when it has come, wherever they belong. Those due
// at a request are counted where requests come in.
import type { FaultPlan } from "../../schemas/plan.ts";

export class FaultSchedule {
  readonly #timers: ReturnType<typeof setTimeout>[] = [];

  constructor(
    private readonly faults: readonly FaultPlan[],
    private readonly inject: (fault: FaultPlan) => void,
  ) {}

  /** Programs may start: times are counted from here. */
  begin(): void {
    for (const fault of this.faults) {
      for (const ms of fault.atMs ?? []) {
        this.#timers.push(setTimeout(() => this.inject(fault), ms));
      }
    }
  }

  /** Nothing goes wrong any more. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
