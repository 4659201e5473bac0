import { assertEquals } from "@std/assert";
import type { DomainState, MachineState, RingState } from "../../../runtime/report.ts";
import { topText } from "./top_text.ts";
import { sampleOf } from "./watch_sample.ts";

const domain: DomainState = {
  name: "storage",
  isolation: "process",
  state: "running",
  generation: 1,
  restarts: 0,
  memoryBytes: 64 << 20,
  calls: 1000,
  roundTrips: 1000,
  doorbells: 10,
  spins: 0,
  bytesCopied: 4096,
  ringOccupancy: 1,
  ringOccupancyMost: 4,
  pageCacheHits: 90,
  pageCacheMisses: 10,
  faults: 0,
};
const ring: RingState = {
  name: "files",
  client: "primary",
  server: "storage",
  calls: 1000,
  ringOccupancy: 1,
  ringOccupancyMost: 4,
  bytesCopied: 4096,
  doorbells: 10,
  outstanding: 1,
  latencies: [[1000, 1100, 500]],
};

function look(
  atMs: number,
  domains: Partial<DomainState>,
  rings: Partial<RingState>,
  calls: number,
) {
  const machine: MachineState = {
    programs: [{ name: "web", state: "running", restarts: 0 }],
    domains: [{ ...domain, ...domains }],
    rings: [{ ...ring, ...rings }],
    ready: true,
    calls,
    callCounts: [{ name: "read", count: calls }],
    memoryBytes: 64 << 20,
    restarts: 0,
    eventLoopTurns: { hart: 0, devices: 0 },
  };
  return { atMs, state: { state: "ready" as const, machine } };
}

const before = look(5000, {}, {}, 2000);
const now = look(
  7000,
  { calls: 3000, roundTrips: 3000, ringOccupancy: 3, pageCacheHits: 93, pageCacheMisses: 11 },
  {
    calls: 3000,
    ringOccupancy: 3,
    bytesCopied: 8192,
    latencies: [[1000, 1100, 500], [2000, 2200, 10]],
  },
  6000,
);

Deno.test("rates and percentiles are of the time between two looks alone", () => {
  const sample = sampleOf("shop", before, now);
  assertEquals([sample.seconds, sample.callsPerSecond], [2, 2000]);
  const [files] = sample.rings;
  assertEquals([files.callsPerSecond, files.bytesPerSecond], [1000, 2048]);
  // A mean of 3 over 3000 calls, of which the first 1000 had 1.
  assertEquals(files.ringOccupancy, 4);
  assertEquals([files.latencyP50Ns, files.latencyP999Ns], [2100, 2200]);
  assertEquals(sample.domains[0].latencyP50Ns, 2100);
  assertEquals(sample.domains[0].pageCacheHitShare, 0.75);
  assertEquals(sample.busiest, [{ name: "read", callsPerSecond: 2000 }]);
});

Deno.test("where nothing happened there is no latency, and no share", () => {
  const sample = sampleOf("shop", before, { ...before, atMs: 6000 });
  assertEquals([sample.rings[0].latencyP50Ns, sample.rings[0].ringOccupancy], [undefined, 0]);
  assertEquals([sample.domains[0].pageCacheHitShare, sample.busiest], [undefined, []]);
});

Deno.test("a system that has not booted has a sample; one that was restarted has no negative rates", () => {
  const booting = { atMs: 0, state: { state: "booting" as const } };
  const sample = sampleOf("shop", booting, { ...booting, atMs: 1000 });
  assertEquals([sample.state, sample.domains, sample.callsPerSecond], ["booting", [], 0]);
  assertEquals(sampleOf("shop", now, { ...before, atMs: 9000 }).rings[0].callsPerSecond, 0);
});

Deno.test("a sample as tables", () => {
  assertEquals(
    topText(sampleOf("shop", before, now)),
    `shop: ready, 2,000 calls/s, 64 MiB, 0 restarts

domain   isolation  state    restarts  memory  calls/s  p50      p99      p99.9    cache hits  doorbells/s  spins/s
storage  process    running  0         64 MiB  1,000    2.10 us  2.20 us  2.20 us  75.0%       0            0

ring   from     to       calls/s  p50      p99      p99.9    occupancy  most  copied/s
files  primary  storage  1,000    2.10 us  2.20 us  2.20 us  4.0        4     2 KiB

program  state    health  restarts
web      running          0

system call  calls/s
read         2,000`,
  );
});
