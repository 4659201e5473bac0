// What a machine tells of what its parts have counted: while it runs, and at its end.
import { mergeHistograms, percentileNs } from "../hypervisor/ring/histogram.ts";
import type { RingCounts } from "../hypervisor/ring/ring_counters.ts";
import type { Recovery, Supervisor } from "../hypervisor/supervisor.ts";
import type { DomainPlan, Plan } from "../../schemas/plan.ts";
import type {
  DomainCounts,
  DomainReport,
  MachineReport,
  ProgramReport,
  RingState,
} from "../report.ts";
import type { HartCounters } from "./hart/hart_worker.ts";

/** What the parts of a machine have counted. */
export interface Counted {
  plan: Plan;
  counters: HartCounters;
  /** of the IOMMU, by index of the device */
  faults: number[];
  /** by index of the ring */
  rings: (RingCounts & { outstanding: number })[];
  supervisor(domain: string): Supervisor | undefined;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

/** What there is to tell of one domain. */
export function countsOf(counted: Counted, domain: DomainPlan): DomainCounts {
  const { plan, counters } = counted;
  const supervisor = counted.supervisor(domain.name), served = supervisor?.counters;
  const rings = counted.rings.filter((_, index) => plan.rings[index].server === domain.name);
  const roundTrips = sum(rings.map(({ calls }) => calls));
  const latencies = mergeHistograms(rings.map((ring) => ring.latencies));
  const entries = sum(rings.map(({ ringOccupancy, calls }) => ringOccupancy * calls));
  return {
    calls: served?.calls ?? counters.calls,
    roundTrips,
    doorbells: sum(rings.map(({ doorbells }) => doorbells)) + (served?.doorbells ?? 0),
    spins: served?.spins ?? counters.spins,
    bytesCopied: sum(rings.map(({ bytesCopied }) => bytesCopied)),
    ringOccupancy: roundTrips === 0 ? 0 : entries / roundTrips,
    ringOccupancyMost: Math.max(0, ...rings.map(({ ringOccupancyMost }) => ringOccupancyMost)),
    pageCacheHits: served?.pageCacheHits ?? counters.pageCacheHits,
    pageCacheMisses: served?.pageCacheMisses ?? counters.pageCacheMisses,
    faults: sum(
      plan.machine.devices.map((device, index) =>
        device.domain === domain.name ? counted.faults[index] : 0
      ),
    ),
    restarts: supervisor?.restarts ?? 0,
    generation: supervisor?.generation ?? 1,
    ...(latencies.length === 0 ? {} : {
      latencyP50Ns: percentileNs(latencies, 0.5),
      latencyP99Ns: percentileNs(latencies, 0.99),
      latencyP999Ns: percentileNs(latencies, 0.999),
    }),
  };
}

/** What there is to tell of the rings. */
export function ringStates({ plan, rings }: Counted): RingState[] {
  return plan.rings.map(({ name, client, server }, index) => ({
    name,
    client,
    server,
    ...rings[index],
  }));
}

/** How often programs made which system calls. */
export function callCounts({ callCounts }: HartCounters): { name: string; count: number }[] {
  return callCounts.map(([name, count]) => ({ name, count }));
}

export function makeReport(
  counted: Counted,
  { programs, recoveries, seconds }: {
    programs: ProgramReport[];
    recoveries: Recovery[];
    seconds: number;
  },
): MachineReport {
  const { plan, counters } = counted;
  return {
    name: plan.name,
    programs,
    domains: plan.domains.map((domain): DomainReport => ({
      name: domain.name,
      isolation: domain.isolation,
      memoryBytes: domain.memory.sizeBytes,
      heapBytes: counted.supervisor(domain.name)?.counters.heapBytes ?? counters.heapBytes,
      ...countsOf(counted, domain),
    })),
    recoveries,
    callCounts: callCounts(counters),
    missingCalls: counters.missing.map(([name, count]) => ({ name, count })),
    seconds,
    residentBytes: Deno.memoryUsage().rss,
  };
}
