// What a machine tells at its end, put together from what its parts have counted.
import type { Recovery, Supervisor } from "../hypervisor/supervisor.ts";
import type { Plan } from "../../schemas/plan.ts";
import type { DomainReport, MachineReport, ProgramReport } from "../report.ts";
import type { HartCounters } from "./hart_worker.ts";

export function makeReport(
  plan: Plan,
  { counters, faults, programs, supervisor, recoveries, seconds }: {
    counters: HartCounters;
    /** by index of the device */
    faults: number[];
    programs: ProgramReport[];
    supervisor(domain: string): Supervisor | undefined;
    recoveries: Recovery[];
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
    programs,
    domains,
    recoveries,
    missingCalls: counters.missing.map(([name, count]) => ({ name, count })),
    seconds,
    residentBytes: Deno.memoryUsage().rss,
  };
}
