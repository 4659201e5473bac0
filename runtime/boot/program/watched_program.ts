// What is known of a program of the manifest, through all its runs.
import type { ProgramPlan } from "../../../schemas/plan.ts";
import type { ProgramReport, ProgramState } from "../../report.ts";

/** How a run of a program ended. */
export interface ProgramEnd {
  program: string;
  status: number;
  signal?: string;
}

/** Status of a program that was never started. */
const NEVER_STARTED = 1;

/** One program, through all its runs. */
export class WatchedProgram {
  state: ProgramState["state"] = "waiting";
  health: ProgramState["health"];
  firstMs: number | undefined;
  startedMs = 0;
  endedMs = 0;
  end: Omit<ProgramEnd, "program"> | undefined;
  restarts = 0;
  /** failures since it last ran long enough */
  inARow = 0;
  /** failed checks of the run since one succeeded, and when the last of them was */
  failures = 0;
  failedMs = -Infinity;
  /** it has worked, or ended as it should */
  wasReady = false;
  askedToStop = false;
  /** health checks of the run, and its timers */
  running = new AbortController();
  cancelTimer = () => {};

  constructor(readonly plan: ProgramPlan) {
    if (plan.health !== undefined) this.health = "starting";
  }

  get alive(): boolean {
    return this.state === "starting" || this.state === "running";
  }

  /** Whether what another program waits for is there, or why it will never be. */
  outlook(until: "started" | "healthy" | "finished"): { met: boolean; hopeless?: string } {
    const { plan: { name }, state, firstMs, end, health } = this;
    const over = state === "ended";
    const met = until === "finished"
      ? over && end?.status === 0
      : until === "healthy"
      ? state === "running" && health === "healthy"
      : firstMs !== undefined && state !== "starting";
    if (met || !over) return { met };
    const hopeless = end === undefined
      ? `"${name}" was not started`
      : `"${name}" ended with ${end.status}`;
    return { met, hopeless };
  }

  /** How it is doing. */
  get now(): ProgramState {
    const { plan: { name }, state, end, health, restarts } = this;
    return {
      name,
      state,
      ...(end === undefined ? {} : { status: end.status }),
      ...(end?.signal === undefined ? {} : { signal: end.signal }),
      ...(health === undefined ? {} : { health }),
      restarts,
    };
  }

  /** How it went. One that was never started has failed. */
  get report(): ProgramReport {
    const { plan, end, firstMs, endedMs, health, restarts } = this;
    const { status, signal } = end ?? { status: NEVER_STARTED };
    return {
      name: plan.name,
      status,
      ...(signal === undefined ? {} : { signal }),
      seconds: firstMs === undefined ? 0 : (endedMs - firstMs) / 1000,
      ...(health === undefined ? {} : { health }),
      ...(plan.restart === undefined ? {} : { restarts }),
    };
  }
}
