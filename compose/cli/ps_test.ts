import { assertEquals } from "@std/assert";
import { systemsText } from "./ps.ts";

const record = { pid: 42, startedMs: 1_000_000, gracesMs: [5000] };

Deno.test("systems, domains and programs are lined up; one that ended has no process", () => {
  const text = systemsText(
    [
      { name: "lost", file: "/srv/lost.yaml", ...record },
      {
        name: "old",
        file: "/srv/old.yaml",
        ...record,
        end: {
          status: 3,
          endedMs: 1_065_000,
          report: {
            name: "old",
            programs: [{ name: "main", status: 139, signal: "SIGSEGV", seconds: 1 }],
            domains: [],
            recoveries: [],
            callCounts: [],
            missingCalls: [],
            seconds: 1,
            residentBytes: 0,
          },
        },
      },
      {
        name: "shop",
        file: "/srv/shop.yaml",
        ...record,
        now: {
          state: "not-ready",
          reason: 'program "web" is unhealthy: asleep',
          machine: {
            programs: [
              { name: "web", state: "running", health: "unhealthy", restarts: 2 },
              { name: "setup", state: "ended", status: 0, restarts: 0 },
            ],
            domains: [{
              name: "storage",
              isolation: "process",
              state: "restarting",
              restarts: 4,
              generation: 5,
              memoryBytes: 100 << 20,
              calls: 0,
              roundTrips: 0,
              doorbells: 0,
              spins: 0,
              bytesCopied: 0,
              ringOccupancy: 0,
              ringOccupancyMost: 0,
              pageCacheHits: 0,
              pageCacheMisses: 0,
              faults: 0,
            }],
            rings: [],
            ready: false,
            calls: 9,
            callCounts: [],
            memoryBytes: 0,
            restarts: 4,
            eventLoopTurns: { hart: 0, devices: 0 },
          },
        },
      },
    ],
    1_000_000 + 3_725_000,
  );
  assertEquals(
    text,
    `
system  state                                          up     process  file
lost    does not answer                                1h 2m  42       /srv/lost.yaml
old     ended with 3                                   1m 5s           /srv/old.yaml
shop    not ready: program "web" is unhealthy: asleep  1h 2m  42       /srv/shop.yaml

system  domain   isolation  state       generation  restarts  memory
shop    storage  process    restarting  5           4         100 MiB

system  program  state    ended with  health     restarts
old     main     ended    SIGSEGV                0
shop    web      running              unhealthy  2
shop    setup    ended    0                      0
`.trim(),
  );
});
