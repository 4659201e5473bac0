// What a machine tells at its end, put together from what its parts have counted.
import type { Supervisor } from "../hypervisor/supervisor.ts";
import type { Plan } from "../../schemas/plan.ts";
import type { DomainReport, MachineReport, MachineState, ProgramReport } from "../report.ts";
import type { HartCounters } from "./hart_worker.ts";
import type { ProgramEnd } from "./hart_thread.ts";

/** When programs began and how they ended. */
export class ProgramTimes {
  readonly #started = new Map<string, number>();
  readonly #ended = new Map<string, ProgramReport>();

  constructor(private readonly nowMs: () => number) {}

  started(program: string): void {
    this.#started.set(program, this.nowMs());
  }

  ended({ program: name, status, signal }: ProgramEnd): void {
    const nowMs = this.nowMs();
    const seconds = (nowMs - (this.#started.get(name) ?? nowMs)) / 1000;
    this.#ended.set(name, { name, status, ...(signal === undefined ? {} : { signal }), seconds });
  }

  /** how many have ended */
  get count(): number {
    return this.#ended.size;
  }

  /** What has become of one so far. */
  state(name: string): MachineState["programs"][number] {
    const ended = this.#ended.get(name);
    if (ended !== undefined) return { name, state: "ended", status: ended.status };
    return { name, state: this.#started.has(name) ? "running" : "starting" };
  }

  /** One that has not ended was never started. */
  report(program: string): ProgramReport {
    return this.#ended.get(program) ?? { name: program, status: 1, seconds: 0 };
  }
}

export function makeReport(
  plan: Plan,
  { counters, faults, programs, supervisor, seconds }: {
    counters: HartCounters;
    /** by index of the device */
    faults: number[];
    programs: ProgramTimes;
    supervisor(domain: string): Supervisor | undefined;
    seconds: number;
  },
): MachineReport {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const domains = plan.domains.map((domain): DomainReport => {
    const watched = supervisor(domain.name), served = watched?.counters;
    const own = counters.rings.filter(({ index }) => plan.rings[index].server === domain.name);
    return {
      name: domain.name,
      isolation: domain.isolation,
      memoryBytes: domain.memory.sizeBytes,
      heapBytes: served?.heapBytes ?? counters.heapBytes,
      calls: served?.calls ?? counters.calls,
      roundTrips: sum(own.map((ring) => ring.roundTrips)),
      doorbells: sum(own.map((ring) => ring.doorbells)) + (served?.doorbells ?? 0),
      restarts: watched?.restarts ?? 0,
      generation: watched?.generation ?? 1,
      faults: sum(
        plan.machine.devices.map((device, index) =>
          device.domain === domain.name ? faults[index] : 0
        ),
      ),
    };
  });
  return {
    name: plan.name,
    programs: plan.programs.map(({ name }) => programs.report(name)),
    domains,
    missingCalls: counters.missing.map(([name, count]) => ({ name, count })),
    seconds,
    residentBytes: Deno.memoryUsage().rss,
  };
}
