// What a running system did between two looks at it: rates, and percentiles of that time alone.
import type { SystemState } from "../../../runtime/boot/control/control_protocol.ts";
import {
  type LatencyCount,
  mergeHistograms,
  percentileNs,
  subtractHistogram,
} from "../../../runtime/hypervisor/ring/histogram.ts";
import type { DomainState, ProgramState, RingState } from "../../../runtime/report.ts";

/** A look at a system. */
export interface Look {
  /** milliseconds since 1970 */
  atMs: number;
  state: SystemState;
}

/** How long calls took, nanoseconds; absent where none was timed. */
export interface Latencies {
  latencyP50Ns?: number;
  latencyP99Ns?: number;
  latencyP999Ns?: number;
}

/** What a ring carried. */
export interface RingSample extends Latencies {
  name: string;
  client: string;
  server: string;
  callsPerSecond: number;
  /** calls without an answer as further ones were sent: the mean of this time, and the most so far */
  ringOccupancy: number;
  ringOccupancyMost: number;
  bytesPerSecond: number;
  doorbellsPerSecond: number;
}

/** What a domain did; how it is kept apart and how it is doing. */
export interface DomainSample extends Latencies {
  name: string;
  isolation: DomainState["isolation"];
  state: DomainState["state"];
  generation: number;
  restarts: number;
  memoryBytes: number;
  callsPerSecond: number;
  ringOccupancy: number;
  spinsPerSecond: number;
  doorbellsPerSecond: number;
  bytesPerSecond: number;
  /** of the pages that readers looked for, the share that was in memory; absent where none was */
  pageCacheHitShare?: number;
  faults: number;
}

/** What a system did in some time, and how it is doing. */
export interface WatchSample {
  system: string;
  state: SystemState["state"];
  atMs: number;
  /** the time that rates are of */
  seconds: number;
  callsPerSecond: number;
  memoryBytes: number;
  restarts: number;
  domains: DomainSample[];
  rings: RingSample[];
  /** system calls that programs made, the most first */
  busiest: { name: string; callsPerSecond: number }[];
  programs: ProgramState[];
}

/** What happened from one look to the next. */
export function sampleOf(system: string, before: Look, now: Look): WatchSample {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const machine = now.state.machine, last = before.state.machine;
  const rate = (value: number, earlier = 0) => Math.max(0, value - earlier) / seconds;
  const ringBefore = new Map(last?.rings.map((ring) => [ring.name, ring]));
  const latenciesOf = (rings: RingState[]) =>
    latencies(mergeHistograms(
      rings.map((ring) =>
        subtractHistogram(ring.latencies, ringBefore.get(ring.name)?.latencies ?? [])
      ),
    ));
  const rings = machine?.rings ?? [];
  const domains = (machine?.domains ?? []).map((domain): DomainSample => {
    const earlier = last?.domains.find(({ name }) => name === domain.name);
    const { name, isolation, state, generation, restarts, memoryBytes, faults } = domain;
    const share = hitShare(domain, earlier);
    return {
      name,
      isolation,
      state,
      generation,
      restarts,
      memoryBytes,
      callsPerSecond: rate(domain.calls, earlier?.calls),
      ringOccupancy: occupancy(domain, domain.roundTrips, earlier, earlier?.roundTrips),
      spinsPerSecond: rate(domain.spins, earlier?.spins),
      doorbellsPerSecond: rate(domain.doorbells, earlier?.doorbells),
      bytesPerSecond: rate(domain.bytesCopied, earlier?.bytesCopied),
      ...(share === undefined ? {} : { pageCacheHitShare: share }),
      faults,
      ...latenciesOf(rings.filter(({ server }) => server === name)),
    };
  });
  return {
    system,
    state: now.state.state,
    atMs: now.atMs,
    seconds,
    callsPerSecond: rate(machine?.calls ?? 0, last?.calls),
    memoryBytes: machine?.memoryBytes ?? 0,
    restarts: machine?.restarts ?? 0,
    domains,
    rings: rings.map((ring): RingSample => {
      const { name, client, server, ringOccupancyMost } = ring;
      const earlier = ringBefore.get(name);
      return {
        name,
        client,
        server,
        callsPerSecond: rate(ring.calls, earlier?.calls),
        ringOccupancy: occupancy(ring, ring.calls, earlier, earlier?.calls),
        ringOccupancyMost,
        bytesPerSecond: rate(ring.bytesCopied, earlier?.bytesCopied),
        doorbellsPerSecond: rate(ring.doorbells, earlier?.doorbells),
        ...latenciesOf([ring]),
      };
    }),
    busiest: (machine?.callCounts ?? []).map(({ name, count }) => {
      const earlier = last?.callCounts.find((each) => each.name === name)?.count;
      return { name, callsPerSecond: rate(count, earlier) };
    }).filter(({ callsPerSecond }) => callsPerSecond > 0)
      .sort((a, b) => b.callsPerSecond - a.callsPerSecond),
    programs: machine?.programs ?? [],
  };
}

function latencies(counts: LatencyCount[]): Latencies {
  return counts.length === 0 ? {} : {
    latencyP50Ns: percentileNs(counts, 0.5),
    latencyP99Ns: percentileNs(counts, 0.99),
    latencyP999Ns: percentileNs(counts, 0.999),
  };
}

/** The mean of what came since, from two means over everything. */
function occupancy(
  now: { ringOccupancy: number },
  calls: number,
  before: { ringOccupancy: number } | undefined,
  callsBefore = 0,
): number {
  const came = calls - callsBefore;
  if (came <= 0) return 0;
  const sum = now.ringOccupancy * calls - (before?.ringOccupancy ?? 0) * callsBefore;
  return Math.max(0, sum / came);
}

function hitShare(now: DomainState, before: DomainState | undefined): number | undefined {
  const hits = Math.max(0, now.pageCacheHits - (before?.pageCacheHits ?? 0));
  const misses = Math.max(0, now.pageCacheMisses - (before?.pageCacheMisses ?? 0));
  return hits + misses === 0 ? undefined : hits / (hits + misses);
}
