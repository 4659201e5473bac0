// A service domain dies under its programs: by command, by a loop, by a full heap. With the contract
// `retry` programs see a pause and lose nothing; with `error` they see EIO; the machine goes on.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { DomainFault, Plan } from "../mod.ts";
import { checkImage, planOf, type Run, runMachine, withFolder } from "./boot_harness.ts";

const KILLS = 20;
const RECORDS = 2000;

/** The writer and its reader, on a storage domain that may fail often. */
function writerPlan(
  manifest: string,
  folder: string,
  records: number,
  kills: number,
): Promise<Plan> {
  return planOf(manifest, folder, (plan) => {
    plan.programs = plan.programs.filter((program) => program.name !== "hasher");
    plan.programs.forEach((program, index) => {
      program.args[1] = String(records);
      program.console = index;
    });
    const storage = plan.domains.find((domain) => domain.name === "storage")!;
    storage.recovery.backoffMs = 1;
    storage.recovery.heartbeatMs = 300;
    storage.recovery.maxRestarts = kills + 1;
  });
}

/** Both programs ended well, every record is there, and the image is clean. */
function assertNothingLost({ report, output, events }: Run, folder: string, records: number): void {
  const story = () => [...output, ...events.map((event) => JSON.stringify(event))].join("\n");
  assertEquals(report.programs.map((program) => program.status), [0, 0], story());
  assertStringIncludes(output.get("reader")!, `all ${records} records are right`);
  assertEquals(checkImage(`${folder}/disk0.img`), "");
}

for (const manifest of ["examples/quickstart.yaml", "examples/quickstart_worker.yaml"]) {
  Deno.test(`${manifest}: storage is killed ${KILLS} times under a writer, and nothing acknowledged is lost`, () =>
    withFolder(async (folder) => {
      const plan = await writerPlan(manifest, folder, RECORDS, KILLS);
      plan.programs.find((program) => program.name === "writer")!.args[2] = "100";
      let kills = 0, running = 0;
      const run = await runMachine(plan, (event, machine) => {
        if (event.kind === "program-started") running++;
        const due = event.kind === "domain-ready" || event.kind === "program-started";
        if (!due || running < plan.programs.length || kills === KILLS) return;
        kills++;
        setTimeout(() => machine().kill("storage"), 15 + kills);
      });
      assertNothingLost(run, folder, RECORDS);
      const storage = run.report.domains.find((domain) => domain.name === "storage")!;
      assert(storage.restarts >= KILLS / 2, `${storage.restarts} restarts`);
    }));
}

Deno.test("storage is killed over and over while the machine mounts and programs start", () =>
  withFolder(async (folder) => {
    for (const delayMs of [2, 9, 14, 17, 21, 26]) {
      const plan = await writerPlan("examples/quickstart.yaml", folder, 50, 4);
      let kills = 0;
      const run = await runMachine(plan, (event, machine) => {
        if (event.kind !== "domain-ready" || kills === 4) return;
        kills++;
        setTimeout(() => machine().kill("storage"), delayMs);
      });
      assertNothingLost(run, folder, 50);
      await Deno.remove(`${folder}/disk0.img`);
    }
  }));

Deno.test("a domain whose kernel code hangs, fills its heap or crashes is replaced", () =>
  withFolder(async (folder) => {
    const faults: DomainFault[] = ["hang", "exhaust", "crash"];
    const plan = await writerPlan("examples/quickstart.yaml", folder, RECORDS, faults.length);
    plan.domains.find((domain) => domain.name === "storage")!.memory.heapBytes = 48 << 20;
    const left = faults.slice();
    let running = 0;
    const run = await runMachine(plan, (event, machine) => {
      if (event.kind === "program-started") running++;
      const due = event.kind === "domain-ready" || event.kind === "program-started";
      if (!due || running < plan.programs.length || left.length === 0) return;
      const fault = left.shift()!;
      setTimeout(() => machine().inject("storage", fault), 20);
    });
    assertNothingLost(run, folder, RECORDS);
    const reasons = run.events.flatMap((event) =>
      event.kind === "domain-failed" ? [event.reason.split("\n")[0]] : []
    );
    assertEquals(reasons, [
      "no heartbeat for 300 ms while calls wait",
      "out of memory",
      "crashed by command",
    ]);
  }));

Deno.test("a worker that crashes is replaced; one cannot be made to hang, for that is not contained", () =>
  withFolder(async (folder) => {
    const plan = await writerPlan("examples/quickstart_worker.yaml", folder, RECORDS, 1);
    let running = 0;
    const run = await runMachine(plan, (event, machine) => {
      if (event.kind !== "program-started" || ++running < plan.programs.length) return;
      assertThrows(
        () => machine().inject("storage", "hang"),
        Error,
        "a worker does not contain it",
      );
      setTimeout(() => machine().inject("storage", "crash"), 20);
    });
    assertNothingLost(run, folder, RECORDS);
    assertEquals(run.report.domains.find((domain) => domain.name === "storage")!.restarts, 1);
  }));

Deno.test("a domain that is not restarted ends the machine with it", () =>
  withFolder(async (folder) => {
    const plan = await writerPlan("examples/quickstart.yaml", folder, RECORDS, 0);
    const storage = plan.domains.find((domain) => domain.name === "storage")!;
    storage.recovery = { ...storage.recovery, policy: "fail", clients: "error", maxRestarts: 0 };
    let running = 0;
    const { report, events } = await runMachine(plan, (event, machine) => {
      if (event.kind !== "program-started" || ++running < plan.programs.length) return;
      setTimeout(() => machine().inject("storage", "crash"), 20);
    });
    assert(
      report.programs.every((program) => program.status !== 0),
      JSON.stringify(report.programs),
    );
    assert(events.some((event) => event.kind === "domain-gone"));
  }));
