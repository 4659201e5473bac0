// Counts requests down to the one instead of which a fault is to happen, over and over as the plan says.
// Who serves requests asks it of each; where nothing is planned, nobody has one.
import type { FaultPlan } from "../../../schemas/plan.ts";

export class RequestCountdown {
  readonly #counts: number[];
  #left: number;

  /**
   * @param index of the fault in the plan
   * @param past how often it has happened already
   */
  constructor(readonly fault: FaultPlan, readonly index: number, past = 0) {
    this.#counts = fault.requests!.counts.slice(past);
    this.#left = this.#counts[0] ?? 0;
  }

  /** whether it will not happen any more */
  get over(): boolean {
    return this.#counts.length === 0;
  }

  /** A request is there. @param source its interface or device model @returns whether the fault is due */
  due(source: string, number: number): boolean {
    if (this.over) return false;
    const { call, numbers } = this.fault.requests!;
    if (call !== undefined && numbers[source] !== number) return false;
    if (--this.#left > 0) return false;
    this.#counts.shift();
    this.#left = this.#counts[0] ?? 0;
    return true;
  }

  /** For people: "the 100th pread64", or "request 100". */
  get description(): string {
    const { call = "request", counts } = this.fault.requests!;
    return `${call} ${counts[counts.length - this.#counts.length - 1] ?? ""}`.trimEnd();
  }
}
