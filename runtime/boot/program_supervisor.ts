// Watches over the programs of a machine: starts each when what it depends on is there, asks whether it
// works, restarts it as the manifest says, and ends all in the opposite order. Everything it touches of the
// machine is handed in, so that it can be tested without one.
import type { ProgramPlan } from "../../schemas/plan.ts";
import type { MachineEvent, ProgramReport, ProgramState } from "../report.ts";

/** The rest of the machine, as the supervisor needs it. */
export interface ProgramSurroundings {
  start(program: string): void;
  signal(program: string, number: number): void;
  /** Asks once whether a program works. @returns what is wrong with it; undefined where nothing is */
  check(program: ProgramPlan, signal: AbortSignal): Promise<string | undefined>;
  /** @returns what takes it back */
  after(ms: number, act: () => void): () => void;
  nowMs(): number;
  event(event: MachineEvent): void;
  /** no program runs, and none will */
  over(): void;
}

/** How a run of a program ended. */
export interface ProgramEnd {
  program: string;
  status: number;
  signal?: string;
}

const SIGTERM = 15, SIGKILL = 9;
/** How long a program has to end when it is asked to, unless it says. */
const STOP_GRACE_MS = 5000;
/** How often a program is looked at that has not worked yet: others may wait for it. */
const STARTING_INTERVAL_MS = 200;
/** A program that ran this long has recovered: its next failure is the first of a row. */
const RECOVERED_MS = 10_000;
const MAX_BACKOFF_MS = 60_000;
/** Status of a program that was never started. */
const NEVER_STARTED = 1;

/** One program, through all its runs. */
class Watched {
  state: ProgramState["state"] = "waiting";
  health: ProgramState["health"];
  firstMs: number | undefined;
  startedMs = 0;
  endedMs = 0;
  end: Omit<ProgramEnd, "program"> | undefined;
  restarts = 0;
  /** failures since it last ran long enough */
  inARow = 0;
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
}

export class ProgramSupervisor {
  readonly #programs: Map<string, Watched>;
  #begunMs: number | undefined;
  #stopping = false;
  #stopGraceMs: number | undefined;
  #told = false;
  #over = false;

  /** @param stays whether the machine goes on without programs, until it is told to stop */
  constructor(
    plans: ProgramPlan[],
    private readonly machine: ProgramSurroundings,
    private readonly stays = false,
  ) {
    this.#programs = new Map(plans.map((plan) => [plan.name, new Watched(plan)]));
  }

  /** The machine has booted. @param bootMs what it took */
  begin(bootMs = 0): void {
    this.#begunMs = this.machine.nowMs() - bootMs;
    this.#proceed();
  }

  /** A run of a program has begun. */
  started(name: string): void {
    const program = this.#programs.get(name)!;
    program.state = "running";
    this.machine.event({ kind: "program-started", program: name });
    if (program.plan.health === undefined) program.wasReady = true;
    else this.#checkSoon(program, 0, 0);
    this.#proceed();
  }

  /** A run of a program has ended. */
  ended({ program: name, ...end }: ProgramEnd): void {
    const program = this.#programs.get(name)!;
    program.end = end;
    program.endedMs = this.machine.nowMs();
    this.#leave(program);
    this.machine.event({ kind: "program-ended", program: name, ...end });
    if (!this.#restart(program)) {
      program.state = "ended";
      program.wasReady ||= end.status === 0;
      if (!program.wasReady) this.#tellNotReady(`program "${name}" ended with ${end.status}`);
    }
    this.#proceed();
  }

  /**
   * Asks all programs to end: those that others depend on once these have ended.
   * @param graceMs how long each has, in place of what the manifest says
   */
  stop(graceMs?: number): void {
    this.#stopGraceMs ??= graceMs;
    this.#stopping = true;
    for (const program of this.#programs.values()) {
      if (program.state !== "restarting") continue;
      program.cancelTimer();
      program.state = "ended";
    }
    this.#proceed();
  }

  /** whether all programs have been ready */
  get ready(): boolean {
    return this.#begunMs !== undefined &&
      [...this.#programs.values()].every(({ wasReady }) => wasReady);
  }

  /** In the order of the manifest. */
  get states(): ProgramState[] {
    return [...this.#programs.values()].map(({ plan, state, end, health, restarts }) => ({
      name: plan.name,
      state,
      ...(end === undefined ? {} : { status: end.status }),
      ...(end?.signal === undefined ? {} : { signal: end.signal }),
      ...(health === undefined ? {} : { health }),
      restarts,
    }));
  }

  /** In the order of the manifest. One that was never started has failed. */
  get reports(): ProgramReport[] {
    return [...this.#programs.values()].map((program): ProgramReport => {
      const { plan, end, firstMs, endedMs, health, restarts } = program;
      const { status, signal } = end ?? { status: NEVER_STARTED };
      return {
        name: plan.name,
        status,
        ...(signal === undefined ? {} : { signal }),
        seconds: firstMs === undefined ? 0 : (endedMs - firstMs) / 1000,
        ...(health === undefined ? {} : { health }),
        ...(plan.restart === undefined ? {} : { restarts }),
      };
    });
  }

  /** Does what has become possible. */
  #proceed(): void {
    if (this.#begunMs === undefined) return;
    if (this.#stopping) this.#stopNext();
    else this.#startNext();
    if (!this.#told && this.ready) {
      this.#told = true;
      this.machine.event({ kind: "ready", ms: this.machine.nowMs() - this.#begunMs });
    }
    if (this.stays && !this.#stopping) return;
    if (this.#over || [...this.#programs.values()].some(({ state }) => state !== "ended")) return;
    this.#over = true;
    this.machine.over();
  }

  #startNext(): void {
    // One that is not started may be what another one waits for.
    for (let changed = true; changed;) {
      changed = false;
      for (const program of this.#programs.values()) {
        if (program.state !== "waiting") continue;
        const needs = (program.plan.dependsOn ?? []).map((need) => this.#look(need));
        const hopeless = needs.find(({ hopeless }) => hopeless !== undefined)?.hopeless;
        if (hopeless !== undefined) {
          program.state = "ended";
          changed = true;
          const reason = `program "${program.plan.name}" is not started: ${hopeless}`;
          this.machine.event({ kind: "log", domain: "programs", line: reason });
          this.#tellNotReady(reason);
        } else if (needs.every(({ met }) => met)) this.#start(program);
      }
    }
  }

  /** Whether what a program waits for is there, or will never be. */
  #look({ program, until }: NonNullable<ProgramPlan["dependsOn"]>[number]): {
    met: boolean;
    hopeless?: string;
  } {
    const { state, firstMs, end, health } = this.#programs.get(program)!;
    const over = state === "ended";
    const met = until === "finished"
      ? over && end?.status === 0
      : until === "healthy"
      ? state === "running" && health === "healthy"
      : firstMs !== undefined && state !== "starting";
    if (met || !over) return { met };
    return {
      met,
      hopeless: end === undefined
        ? `"${program}" was not started`
        : `"${program}" ended with ${end.status}`,
    };
  }

  #start(program: Watched): void {
    const nowMs = this.machine.nowMs();
    program.state = "starting";
    program.firstMs ??= nowMs;
    program.startedMs = nowMs;
    program.running = new AbortController();
    if (program.plan.health !== undefined) program.health = "starting";
    this.machine.start(program.plan.name);
  }

  /** @returns whether a program that has ended will be started again */
  #restart(program: Watched): boolean {
    const { plan: { name, restart }, end } = program;
    if (this.#stopping || restart === undefined) return false;
    if (restart.when === "on-failure" && end!.status === 0) return false;
    if (program.endedMs - program.startedMs >= RECOVERED_MS) program.inARow = 0;
    if (program.inARow >= restart.limit) {
      const line = `program "${name}" ended ${program.inARow + 1} times in a row, and is given up`;
      this.machine.event({ kind: "log", domain: "programs", line });
      return false;
    }
    const backoffMs = Math.min(restart.backoffMs * 2 ** program.inARow, MAX_BACKOFF_MS);
    program.inARow++;
    program.state = "restarting";
    this.machine.event({ kind: "program-restarting", program: name, backoffMs });
    program.cancelTimer = this.machine.after(backoffMs, () => {
      program.restarts++;
      this.#start(program);
    });
    return true;
  }

  /** The run is over: nobody asks for its health any more, and nobody has to kill it. */
  #leave(program: Watched): void {
    program.running.abort();
    program.cancelTimer();
    program.cancelTimer = () => {};
  }

  #checkSoon(program: Watched, ms: number, failures: number): void {
    const cancel = this.machine.after(ms, () => void this.#check(program, failures));
    program.running.signal.addEventListener("abort", cancel);
  }

  async #check(program: Watched, failures: number): Promise<void> {
    const { plan, running: { signal } } = program, health = plan.health!;
    const wrong = await this.machine.check(plan, signal);
    if (signal.aborted) return;
    if (wrong === undefined) failures = 0;
    else if (
      program.health !== "starting" ||
      this.machine.nowMs() - program.startedMs >= health.startPeriodMs
    ) failures++;
    if (wrong === undefined && program.health !== "healthy") {
      program.health = "healthy";
      program.wasReady = true;
      const ms = this.machine.nowMs() - program.startedMs;
      this.machine.event({ kind: "program-healthy", program: plan.name, ms });
      this.#proceed();
    } else if (failures >= health.retries && program.health !== "unhealthy") {
      program.health = "unhealthy";
      this.machine.event({ kind: "program-unhealthy", program: plan.name, reason: wrong! });
      if (!program.wasReady) this.#tellNotReady(`program "${plan.name}" is unhealthy: ${wrong}`);
    }
    const pauseMs = program.health === "starting"
      ? Math.min(health.intervalMs, STARTING_INTERVAL_MS)
      : health.intervalMs;
    this.#checkSoon(program, pauseMs, failures);
  }

  /** Not all programs will be ready. */
  #tellNotReady(reason: string): void {
    if (this.#told || this.#stopping) return;
    this.#told = true;
    this.machine.event({ kind: "not-ready", reason });
  }

  #stopNext(): void {
    for (const program of this.#programs.values()) {
      const { name, stop } = program.plan;
      if (program.state === "waiting") program.state = "ended";
      if (!program.alive || program.askedToStop || this.#isNeeded(name)) continue;
      program.askedToStop = true;
      program.running.abort();
      this.machine.signal(name, stop?.signal ?? SIGTERM);
      const graceMs = this.#stopGraceMs ?? stop?.timeoutMs ?? STOP_GRACE_MS;
      program.cancelTimer = this.machine.after(
        graceMs,
        () => this.machine.signal(name, SIGKILL),
      );
    }
  }

  /** Whether a program that runs depends on it. */
  #isNeeded(name: string): boolean {
    return [...this.#programs.values()].some(({ plan, alive }) =>
      alive &&
      plan.dependsOn?.some(({ program, until }) => program === name && until !== "finished")
    );
  }
}
