// What goes wrong in a domain on purpose. It sits where requests come in and in the loop that hosts the
// components: they cannot tell a fault that was brought about from one of their own.
import type { DomainFault, FaultDescription, FaultPlan } from "../../../schemas/plan.ts";
import { RequestCountdown } from "../../hardware/fault/request_countdown.ts";
import type { RingRequest, RingServer } from "../ring/server.ts";
import { Command, type StatusPage } from "../status_page.ts";

/** A fault of the plan that is due at certain requests, as an instance is granted it. */
export interface ArmedFault {
  plan: FaultPlan;
  /** in the plan */
  index: number;
  /** how often it happened in instances before */
  past: number;
}

/** What faults are made of: the domain as its host sees it. */
export interface FaultyDomain {
  /** Does something later, in a turn of the domain's loop. */
  after(ms: number, act: () => void): void;
  /** Writes nonsense into a ring that it serves, and tells the client to look. */
  corruptRing(): void;
  /** Has its devices reach for memory of others. */
  goWild(): void;
  log(line: string): void;
}

export class DomainFaults {
  readonly #countdowns: RequestCountdown[];
  readonly #servers: { interface: string; ring: RingServer }[] = [];
  #slowMs = 0;

  constructor(
    private readonly status: StatusPage,
    armed: ArmedFault[],
    private readonly domain: FaultyDomain,
  ) {
    this.#countdowns = armed.map(({ plan, index, past }) =>
      new RequestCountdown(plan, index, past)
    );
  }

  /** A ring that the domain serves. */
  watch(name: string, ring: RingServer): void {
    this.#servers.push({ interface: name, ring });
    this.#intercept();
  }

  /** Does what the supervisor has told, where it has; to be called in turns of the loop. */
  follow(): void {
    if (this.status.command < Command.CRASH) return;
    const told = this.status.takeFault();
    if (told === undefined) return;
    const { kind, byMs, forMs } = told;
    this.#happen({ kind, byMs, ...(forMs === 0 ? {} : { forMs }) }, "by command");
  }

  /** Looks at requests for as long as that may change anything: others go straight to their server. */
  #intercept(): void {
    const needed = this.#slowMs > 0 || this.#countdowns.some(({ over }) => !over);
    for (const { interface: name, ring } of this.#servers) {
      ring.intercept = needed
        ? (request, serve) => this.#requested(name, request, serve)
        : undefined;
    }
  }

  #requested(name: string, request: RingRequest, serve: (request: RingRequest) => void): void {
    for (const countdown of this.#countdowns) {
      if (!countdown.due(name, request.number)) continue;
      this.status.occur(countdown.index);
      this.#happen(countdown.fault, `at ${countdown.description}`);
    }
    if (this.#slowMs === 0) serve(request);
    else this.domain.after(this.#slowMs, () => serve(request));
  }

  /** @throws Error for a crash */
  #happen({ kind, byMs = 0, forMs }: FaultDescription, when: string): void {
    this.domain.log(`fault: ${kind} ${when}`);
    switch (kind as DomainFault) {
      case "crash":
        throw new Error(`crashed ${when}`);
      case "hang":
        return this.#hang();
      case "exhaust":
        for (const taken: unknown[] = [];;) taken.push(new Array(1 << 16).fill(0.5));
      case "slow":
        this.#slow(byMs, forMs);
        return;
      case "corrupt-ring":
        this.domain.corruptRing();
        // What it would write from here on might cover it up before anybody has looked.
        return this.#hang();
      case "wild-dma":
        return this.domain.goWild();
    }
  }

  /** Loops until it is killed: a process for certain, a worker by the flag that its loops look at. */
  #hang(): never {
    while (this.status.command !== Command.KILL) Atomics.pause();
    throw new Error("killed while it hung");
  }

  #slow(byMs: number, forMs: number | undefined): void {
    this.#slowMs = byMs;
    this.#intercept();
    if (forMs === undefined) return;
    this.domain.after(forMs, () => {
      this.#slowMs = 0;
      this.#intercept();
    });
  }
}
