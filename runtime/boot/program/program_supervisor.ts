// Watches over the programs of a machine: starts each when what it depends on is there, asks whether it
// works, restarts it as the manifest says, and ends all in the opposite order. Everything it touches of the
// machine is handed in, so that it can be tested without one.
import type { ProgramPlan } from "../../../schemas/plan.ts";
import type { MachineEvent, ProgramReport, ProgramState } from "../../report.ts";
import { type ProgramEnd, WatchedProgram } from "./watched_program.ts";

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

const SIGTERM = 15, SIGKILL = 9;
/** How long a program has to end when it is asked to, unless it says. */
export const STOP_GRACE_MS = 5000;
/** How often a program is looked at that has not worked yet: others may wait for it. */
const STARTING_INTERVAL_MS = 200;
/** A program that ran this long has recovered: its next failure is the first of a row. */
const RECOVERED_MS = 10_000;
const MAX_BACKOFF_MS = 60_000;
export class ProgramSupervisor {
  readonly #programs: Map<string, WatchedProgram>;
  #begunMs: number | undefined;
  #stopping = false;
  #stopGraceMs: number | undefined;
  #toldReady = false;
  #toldNotReady = false;
  #over = false;

  /** @param stays whether the machine goes on without programs, until it is told to stop */
  constructor(
    plans: ProgramPlan[],
    private readonly machine: ProgramSurroundings,
    private readonly stays = false,
  ) {
    this.#programs = new Map(plans.map((plan) => [plan.name, new WatchedProgram(plan)]));
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
    else {
      program.failures = 0;
      program.failedMs = -Infinity;
      this.#checkSoon(program, 0);
    }
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
    return [...this.#programs.values()].map((program) => program.now);
  }

  /** In the order of the manifest. */
  get reports(): ProgramReport[] {
    return [...this.#programs.values()].map((program) => program.report);
  }

  /** Does what has become possible. */
  #proceed(): void {
    if (this.#begunMs === undefined) return;
    if (this.#stopping) this.#stopNext();
    else this.#startNext();
    if (!this.#toldReady && this.ready) {
      this.#toldReady = true;
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
        const needs = (program.plan.dependsOn ?? []).map(({ program, until }) =>
          this.#programs.get(program)!.outlook(until)
        );
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

  #start(program: WatchedProgram): void {
    const nowMs = this.machine.nowMs();
    program.state = "starting";
    program.firstMs ??= nowMs;
    program.startedMs = nowMs;
    program.running = new AbortController();
    if (program.plan.health !== undefined) program.health = "starting";
    this.machine.start(program.plan.name);
  }

  /** @returns whether a program that has ended will be started again */
  #restart(program: WatchedProgram): boolean {
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
  #leave(program: WatchedProgram): void {
    program.running.abort();
    program.cancelTimer();
    program.cancelTimer = () => {};
  }

  #checkSoon(program: WatchedProgram, ms: number): void {
    const cancel = this.machine.after(ms, () => void this.#check(program));
    program.running.signal.addEventListener("abort", cancel);
  }

  async #check(program: WatchedProgram): Promise<void> {
    const { plan, running: { signal } } = program, health = plan.health!;
    const wrong = await this.machine.check(plan, signal);
    if (signal.aborted) return;
    if (wrong === undefined) program.failures = 0;
    else this.#countFailure(program);
    if (wrong === undefined && program.health !== "healthy") {
      program.health = "healthy";
      program.wasReady = true;
      const ms = this.machine.nowMs() - program.startedMs;
      this.machine.event({ kind: "program-healthy", program: plan.name, ms });
      this.#proceed();
    } else if (program.failures >= health.retries && program.health !== "unhealthy") {
      program.health = "unhealthy";
      this.machine.event({ kind: "program-unhealthy", program: plan.name, reason: wrong! });
      if (!program.wasReady) this.#tellNotReady(`program "${plan.name}" is unhealthy: ${wrong}`);
    }
    const pauseMs = program.health === "starting"
      ? Math.min(health.intervalMs, STARTING_INTERVAL_MS)
      : health.intervalMs;
    this.#checkSoon(program, pauseMs);
  }

  /** One that starts is asked more often than its manifest says: what is asked between does not count. */
  #countFailure(program: WatchedProgram): void {
    const { plan: { health }, health: state, startedMs, failedMs } = program;
    const nowMs = this.machine.nowMs();
    if (state === "starting") {
      if (nowMs - startedMs < health!.startPeriodMs) return;
      if (nowMs - failedMs < health!.intervalMs) return;
    }
    program.failures++;
    program.failedMs = nowMs;
  }

  /** Not all programs are ready, nor will be as far as can be told: one that is slow may be all the same. */
  #tellNotReady(reason: string): void {
    if (this.#toldReady || this.#toldNotReady || this.#stopping) return;
    this.#toldNotReady = true;
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
