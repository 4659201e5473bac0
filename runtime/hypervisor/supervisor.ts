// Watches over one service domain: starts it, notices that it failed, fences it, restarts it as its
// contract says. Everything it touches of the rest of the machine is handed in, so that it can be
// tested without one.
import type { DomainFault, DomainPlan, FaultDescription } from "../../schemas/plan.ts";
import { Patience } from "../hardware/patience.ts";
import type { DomainInstance } from "./isolation/domain_host.ts";
import {
  addCounters,
  Command,
  type DomainCounters,
  nothingCounted,
  State,
  type StatusPage,
} from "./status_page.ts";

/** The rest of the machine, as a supervisor needs it. */
export interface Surroundings {
  /** opens the rings that the domain serves: it is ready. Resolves when those who call it know */
  openRings(): Promise<void>;
  /** closes all its rings, for good or not; resolves when nobody uses them any more */
  closeRings(gone: boolean): Promise<void>;
  /** takes its devices away: from here on no transfer touches its memory */
  fenceDevices(): Promise<void>;
  /** makes memory for a generation, gives it its devices, and starts an instance in it */
  start(generation: number): Promise<{ instance: DomainInstance; status: StatusPage }>;
  /** requests sent to it that have no answer yet */
  backlog(): number;
  /** whether a call has been answered since its rings were opened, other than those of the recovery */
  answered(): boolean;
  /** whether the hart found nonsense in a ring of it since last asked */
  accused(): boolean;
  sleep(ms: number): Promise<void>;
  nowMs(): number;
  event(event: DomainEvent): void;
}

/** What happens to a service domain. */
export type DomainEvent =
  | { kind: "domain-ready"; domain: string; generation: number; ms: number }
  | { kind: "domain-failed"; domain: string; generation: number; reason: string }
  | { kind: "domain-restarting"; domain: string; generation: number; backoffMs: number }
  | { kind: "domain-gone"; domain: string; reason: string }
  /** it serves again, and has answered a call */
  | { kind: "domain-recovered" } & Recovery;

/** One failure of a service domain, and how long it was felt. */
export interface Recovery {
  /** as the manifest names it */
  domain: string;
  /** why it failed, in a line */
  cause: string;
  /** when that was noticed, from the boot of the machine on */
  atMs: number;
  /** from then until another instance was ready; absent: none was */
  restartedMs?: number;
  /** from then until that had answered a call; absent: there was none until it failed again, or the end */
  firstCallMs?: number;
}

/** How often a domain is looked at, and how often while it starts or stops. */
const WATCH_MS = 20;
const START_POLL_MS = 1;
/** Of the time between two looks, no more than this counts against the domain. */
const MOST_GAP_MS = 2 * WATCH_MS;
/** How long after a restart the first call is waited for at that pace: nobody may call for hours. */
const FIRST_CALL_LIMIT_MS = 1000;
/** A domain that is not ready after this long has failed: replaying a large journal takes seconds. */
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 10_000;
/** Up to here the wait before a restart doubles, as long as no instance lives to answer a call. */
const MOST_BACKOFF_MS = 2000;

export class Supervisor {
  /** it failed, and is not started again */
  gone = false;
  restarts = 0;
  generation = 0;
  /** one for each failure; those that failed while they started belong to the one before */
  readonly recoveries: Recovery[] = [];
  /** what instances counted that are no more */
  #past: DomainCounters = nothingCounted;
  #instance: DomainInstance | undefined;
  #status: StatusPage | undefined;
  #failure: string | undefined;
  #failedMs = 0;
  /** when the present instance was ready; absent until it is */
  #readyMs: number | undefined;
  #failed = Promise.withResolvers<void>();
  /** the last of them, as long as no call has been answered */
  #unanswered: Recovery | undefined;
  /** restarts since a call was answered */
  #fruitless = 0;
  #stopping = false;
  /** what is to go wrong once the domain is there again */
  readonly #toInject: FaultDescription[] = [];
  #watching: Promise<void> | undefined;

  /** whether an instance is there that has not failed as far as is known */
  get running(): boolean {
    return this.#instance !== undefined && this.#failure === undefined;
  }

  /** whether it serves, as far as is known */
  get ready(): boolean {
    return this.running && this.#status?.state === State.READY;
  }

  /** @param bootedMs when the machine's boot began, which what is told of failures is relative to */
  constructor(
    private readonly plan: DomainPlan,
    private readonly machine: Surroundings,
    private readonly bootedMs = 0,
  ) {}

  /** Starts the first generation. @throws Error when it does not get ready */
  async start(): Promise<void> {
    const failure = await this.#launch();
    if (failure !== undefined) {
      throw new Error(`Domain "${this.plan.name}" did not start: ${failure}`);
    }
    this.#watching = this.#watch();
  }

  /** Counters over all generations. */
  get counters(): DomainCounters {
    const now = this.#status?.counters ?? nothingCounted;
    return { ...addCounters(this.#past, now), heapBytes: now.heapBytes };
  }

  /** Makes the domain fail now, as if it had by itself. */
  fail(reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#failedMs = this.machine.nowMs();
    this.#failed.resolve();
  }

  /** Has something go wrong in the domain; where it is away, as soon as it is back. */
  inject(fault: FaultDescription): void {
    if (!this.ready) return void this.#toInject.push(fault);
    this.#status!.inject(fault.kind as DomainFault, fault.byMs ?? 0, fault.forMs ?? 0);
  }

  /** Stops the domain in good order: what it holds is written back. Kills it if it does not answer. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#watching;
    if (this.#instance === undefined || this.#status === undefined) return;
    this.#status.command = Command.STOP;
    const deadline = this.machine.nowMs() + STOP_LIMIT_MS;
    while (this.#status.state === State.READY && this.machine.nowMs() < deadline) {
      await this.machine.sleep(START_POLL_MS);
    }
    const late = this.#status.state !== State.STOPPED;
    await this.machine.fenceDevices();
    await this.#instance.kill();
    if (late) {
      this.machine.event({
        kind: "domain-failed",
        domain: this.plan.name,
        generation: this.generation,
        reason: this.#status.failure || "did not stop when told",
      });
    }
  }

  /** @returns why it failed; undefined when it is ready */
  async #launch(): Promise<string | undefined> {
    this.generation++;
    this.#failure = undefined;
    this.#failed = Promise.withResolvers();
    this.#readyMs = undefined;
    const startedMs = this.machine.nowMs();
    const { instance, status } = await this.machine.start(this.generation);
    this.#instance = instance;
    this.#status = status;
    instance.ended.then(({ reason }) =>
      this.#instance === instance && this.fail(status.failure || reason)
    );
    const patience = new Patience(START_LIMIT_MS, MOST_GAP_MS, startedMs);
    while (status.state === State.BOOTING && this.#failure === undefined) {
      if (patience.exhausted(this.machine.nowMs())) {
        this.fail(`not ready after ${START_LIMIT_MS / 1000} s`);
      }
      await this.machine.sleep(START_POLL_MS);
    }
    if (status.state === State.FAILED) this.fail(status.failure);
    if (this.#failure !== undefined) return this.#failure;
    await this.machine.openRings();
    this.#readyMs = this.machine.nowMs();
    this.machine.event({
      kind: "domain-ready",
      domain: this.plan.name,
      generation: this.generation,
      ms: this.#readyMs - startedMs,
    });
    const fault = this.#toInject.shift();
    if (fault !== undefined) this.inject(fault);
    return undefined;
  }

  async #watch(): Promise<void> {
    let heartbeat = -1;
    const { heartbeatMs } = this.plan.recovery;
    const patience = new Patience(heartbeatMs, MOST_GAP_MS, this.machine.nowMs());
    while (!this.#stopping) {
      const status = this.#status!;
      const now = this.machine.nowMs();
      if (status.heartbeat !== heartbeat || this.machine.backlog() === 0) {
        heartbeat = status.heartbeat;
        patience.renew(now);
      } else if (patience.exhausted(now)) {
        this.fail(`no heartbeat for ${heartbeatMs} ms while calls wait`);
      }
      if (status.state === State.FAILED) this.fail(status.failure);
      if (this.machine.accused()) this.fail("wrote nonsense into its ring");
      if (this.#failure !== undefined) {
        if (!await this.#recover(this.#failure)) return;
        heartbeat = -1;
        patience.renew(this.machine.nowMs());
      } else {
        await Promise.race([this.machine.sleep(this.#untilNextLookMs()), this.#failed.promise]);
      }
    }
  }

  /** Looks whether the first call after a restart has been answered. @returns when to look again */
  #untilNextLookMs(): number {
    const recovery = this.#unanswered;
    if (recovery === undefined) return WATCH_MS;
    const sinceMs = this.#sinceMs(recovery);
    if (!this.machine.answered()) {
      return sinceMs - recovery.restartedMs! > FIRST_CALL_LIMIT_MS ? WATCH_MS : START_POLL_MS;
    }
    recovery.firstCallMs = sinceMs;
    this.#fruitless = 0;
    this.#unanswered = undefined;
    this.machine.event({ kind: "domain-recovered", ...recovery });
    return WATCH_MS;
  }

  #sinceMs({ atMs }: Recovery): number {
    return this.machine.nowMs() - this.bootedMs - atMs;
  }

  /** Fences, kills and restarts until the domain is ready. @returns false when it is given up */
  async #recover(reason: string): Promise<boolean> {
    const { recovery, name } = this.plan;
    const cause = reason.split("\n")[0];
    const outage: Recovery = { domain: name, cause, atMs: this.#failedMs - this.bootedMs };
    this.recoveries.push(outage);
    this.#unanswered = undefined;
    for (let failure: string | undefined = reason; failure !== undefined;) {
      this.machine.event({
        kind: "domain-failed",
        domain: name,
        generation: this.generation,
        reason: failure,
      });
      await this.machine.closeRings(false);
      await this.machine.fenceDevices();
      await this.#instance!.kill();
      this.#past = addCounters(this.#past, this.#status!.counters);
      this.#instance = this.#status = undefined;
      if (this.#stopping || recovery.policy === "fail" || this.restarts >= recovery.maxRestarts) {
        this.gone = true;
        await this.machine.closeRings(true);
        this.machine.event({ kind: "domain-gone", domain: name, reason: this.#giveUpReason() });
        return false;
      }
      this.restarts++;
      const backoffMs = this.#backoffMs();
      this.machine.event({
        kind: "domain-restarting",
        domain: name,
        generation: this.generation + 1,
        backoffMs,
      });
      await this.machine.sleep(backoffMs);
      failure = await this.#launch();
    }
    outage.restartedMs = this.#sinceMs(outage);
    this.#unanswered = outage;
    return true;
  }

  /** How long to wait for the next instance. One that answered calls and lived for longer is followed at once. */
  #backoffMs(): number {
    const { backoffMs } = this.plan.recovery, fruitless = this.#fruitless++;
    if (fruitless > 0) {
      return Math.min(backoffMs * 2 ** fruitless, Math.max(backoffMs, MOST_BACKOFF_MS));
    }
    const livedMs = this.#failedMs - (this.#readyMs ?? this.#failedMs);
    return Math.max(0, backoffMs - livedMs);
  }

  #giveUpReason(): string {
    if (this.#stopping) return "the machine stops";
    if (this.plan.recovery.policy === "fail") return "its contract does not restart it";
    return `restarted ${this.restarts} times, which is its limit`;
  }
}
