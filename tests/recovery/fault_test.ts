// Faults that a manifest or somebody brings about: each at its place and moment, and what the machine makes
// of it. Under `retry` a program's output is that of a run without faults.
import { assert, assertEquals } from "@std/assert";
import type { DomainFault, FaultPlan, Plan } from "../../mod.ts";
import { checkImage, planOf, type Run, runMachine, withFolder } from "../fixtures/boot_harness.ts";

const RECORDS = 250;

/** The writer and its reader over one storage domain, with faults. */
function writerPlan(manifest: string, folder: string, faults: FaultPlan[]): Promise<Plan> {
  return planOf(manifest, folder, (plan) => {
    plan.programs = plan.programs.filter((program) => program.name !== "hasher");
    for (const program of plan.programs) program.args[1] = String(RECORDS);
    const storage = plan.domains.find((domain) => domain.name === "storage")!;
    Object.assign(storage.recovery, { backoffMs: 1, heartbeatMs: 300 });
    storage.memory.heapBytes = 48 << 20;
    plan.faults = faults;
  });
}

/** Instead of the nth write that the storage domain is asked for. */
const atWrite = (count: number) => ({
  call: "pwrite64",
  numbers: { files: 68 },
  counts: [count],
});

/** What the programs print where nothing goes wrong. */
const undisturbedOutputs = new Map<string, Promise<Record<string, string>>>();
function undisturbed(manifest: string): Promise<Record<string, string>> {
  const known = undisturbedOutputs.get(manifest);
  if (known !== undefined) return known;
  const output = Promise.withResolvers<Record<string, string>>();
  undisturbedOutputs.set(manifest, output.promise);
  return withFolder(async (folder) => {
    output.resolve(outputOf(await runMachine(await writerPlan(manifest, folder, []))));
  }).then(() => output.promise);
}

const outputOf = ({ output }: Run) => Object.fromEntries([...output].sort());

/** What each fault of a domain ends in: the cause that is told, or that it does not fail. */
const outcomes: Record<DomainFault, RegExp | undefined> = {
  crash: /^crashed at pwrite64 100$/,
  hang: /^no heartbeat for 300 ms while calls wait$/,
  // Whichever comes first: a busy host fills the heap slowly.
  exhaust: /^(out of memory|no heartbeat for 300 ms while calls wait)$/,
  slow: undefined,
  "corrupt-ring": /^wrote nonsense into its ring$/,
  "wild-dma": /^device "disk0" reached for 0x[0-9a-f]+, which is not the domain's$/,
};

for (const isolation of ["process", "worker"] as const) {
  const manifest = isolation === "process"
    ? "examples/quickstart.yaml"
    : "examples/quickstart_worker.yaml";
  for (const [kind, cause] of Object.entries(outcomes) as [DomainFault, RegExp | undefined][]) {
    if (isolation === "worker" && kind === "exhaust") continue;
    Deno.test(`${isolation}: ${kind} at the 100th write of a domain that promises retry changes no output`, () =>
      withFolder(async (folder) => {
        const fault: FaultPlan = {
          place: "storage",
          at: "domain",
          kind,
          requests: atWrite(100),
          ...(kind === "slow" ? { byMs: 2, forMs: 300 } : {}),
        };
        const run = await runMachine(await writerPlan(manifest, folder, [fault]));
        const story = run.events.map((event) => JSON.stringify(event)).join("\n");
        assertEquals(outputOf(run), await undisturbed(manifest), story);
        assertEquals(run.report.programs.map(({ status }) => status), [0, 0], story);
        assertEquals(checkImage(`${folder}/disk0.img`), "");
        const { recoveries } = run.report;
        assertEquals(recoveries.length, cause === undefined ? 0 : 1, story);
        if (cause !== undefined) {
          assert(cause.test(recoveries[0].cause), recoveries[0].cause);
          assert(recoveries[0].restartedMs! > 0 && recoveries[0].firstCallMs! > 0, story);
          assert(recoveries[0].firstCallMs! >= recoveries[0].restartedMs!);
        }
        const said = run.events.filter((event) =>
          event.kind === "log" && event.line === `fault: ${kind} at pwrite64 100`
        );
        assertEquals(said.length, 1, story);
      }));
  }
}
