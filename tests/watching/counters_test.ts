// What a machine counts, while it runs and at its end: rings, caches, loops, latencies.
import { assert, assertEquals } from "@std/assert";
import { planOf, runMachine, withFolder } from "../fixtures/boot_harness.ts";
import type { MachineState } from "../../mod.ts";

Deno.test("watch: domains and rings tell what they have counted, live and at the end", () =>
  withFolder(async (folder) => {
    const plan = await planOf("examples/quickstart.yaml", folder);
    let live: Promise<MachineState> | undefined;
    const { report } = await runMachine(plan, (event, machine) => {
      if (event.kind === "program-started") live ??= machine().look();
    });
    const storage = report.domains.find(({ name }) => name === "storage")!;
    assert(storage.roundTrips > 0 && storage.calls >= storage.roundTrips);
    assert(storage.ringOccupancyMost >= 1);
    assert(storage.ringOccupancy >= 1 && storage.ringOccupancy <= storage.ringOccupancyMost);
    assert(storage.bytesCopied > 0);
    assert(storage.pageCacheHits + storage.pageCacheMisses > 0, "no page was looked for");
    const { latencyP50Ns, latencyP99Ns, latencyP999Ns } = storage;
    assert(latencyP50Ns! > 0 && latencyP50Ns! <= latencyP99Ns! && latencyP99Ns! <= latencyP999Ns!);
    const primary = report.domains[0];
    assert(primary.calls > 0);
    assertEquals([primary.roundTrips, primary.latencyP50Ns], [0, undefined]);
    const state = await live!;
    const [ring] = state.rings;
    assertEquals([ring.client, ring.server], [primary.name, "storage"]);
    assert(ring.calls <= storage.roundTrips);
    assertEquals(state.domains.map(({ name }) => name), report.domains.map(({ name }) => name));
  }));
