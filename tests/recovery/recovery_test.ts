// A service domain dies under its programs: by command, by a loop, by a full heap. With the contract
// `retry` programs see a pause and lose nothing; with `error` they see EIO; the machine goes on.
import { assert, assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import type { DomainFault, Plan } from "../../mod.ts";
import { UNSYNCED } from "./unsynced_writer.ts";
import { checkImage, planOf, type Run, runMachine, withFolder } from "../fixtures/boot_harness.ts";

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
    for (const program of plan.programs) program.args[1] = String(records);
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
    const storage = plan.domains.find((domain) => domain.name === "storage")!;
    storage.memory.heapBytes = 48 << 20;
    // Collecting garbage until there is no more room takes long where the host has more to do.
    storage.recovery.heartbeatMs = 1500;
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
      "no heartbeat for 1500 ms while calls wait",
      "out of memory",
      "crashed by command",
    ]);
  }));

Deno.test("a worker that crashes is replaced; one cannot be made to take all memory, for that is not contained", () =>
  withFolder(async (folder) => {
    const plan = await writerPlan("examples/quickstart_worker.yaml", folder, RECORDS, 1);
    let running = 0;
    const run = await runMachine(plan, (event, machine) => {
      if (event.kind !== "program-started" || ++running < plan.programs.length) return;
      assertThrows(
        () => machine().inject("storage", "exhaust"),
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

/** What is killed in turn, in which placement. */
const cutsBelow: [manifest: string, isolation: "process" | "worker", victims: string[]][] = [
  ["examples/driver_domain.yaml", "process", ["driver"]],
  ["examples/multiserver.yaml", "process", ["driver", "files"]],
  ["examples/multiserver.yaml", "worker", ["driver", "files"]],
];
for (const [manifest, isolation, victims] of cutsBelow) {
  Deno.test(`${manifest}, ${isolation}: ${victims.join(" and ")} die 10 times, and nothing is lost`, () =>
    withFolder(async (folder) => {
      const plan = await planOf(manifest, folder, (plan) => {
        plan.programs = plan.programs.filter((program) => program.name !== "hasher");
        for (const program of plan.programs) program.args[1] = String(RECORDS);
        for (const domain of plan.domains) if (!domain.primary) domain.isolation = isolation;
      });
      let kills = 0, running = 0;
      const run = await runMachine(plan, (event, machine) => {
        if (event.kind === "program-started") running++;
        const due = event.kind === "program-started" ||
          event.kind === "domain-ready" && victims.includes(event.domain);
        if (!due || running < plan.programs.length || kills === 10) return;
        const victim = victims[kills++ % victims.length];
        setTimeout(() => machine().kill(victim), 15 + kills);
      });
      assertNothingLost(run, folder, RECORDS);
      for (const name of victims) {
        const { restarts } = run.report.domains.find((domain) => domain.name === name)!;
        assert(restarts >= 5 / victims.length, `${name}: ${restarts} restarts`);
      }
      if (isolation !== "process" || victims.length < 2) return;
      // Who calls a domain that dies is not restarted with it.
      const failed = run.events.flatMap((event) =>
        event.kind === "domain-failed" ? [event.reason] : []
      );
      assertEquals(new Set(failed), new Set(["killed by command"]));
    }));
}

Deno.test("a disk driver whose callers are promised errors: what it does not answer is EIO", () =>
  withFolder(async (folder) => {
    const plan = await planOf("examples/driver_domain.yaml", folder, (plan) => {
      plan.programs = plan.programs.filter((program) => program.name === "writer");
      plan.programs[0].args[1] = String(RECORDS);
      plan.domains.find((domain) => domain.name === "driver")!.recovery.clients = "error";
    });
    const { report, output, events } = await runMachine(plan, (event, machine) => {
      if (event.kind === "program-started") setTimeout(() => machine().kill("driver"), 30);
    });
    assertEquals(report.programs.map((program) => program.status), [1]);
    assertStringIncludes(output.get("writer")!, "EIO");
    assertEquals(events.filter((event) => event.kind === "domain-failed").length, 1);
  }));

for (const [manifest, victim] of [["driver_domain", "driver"], ["multiserver", "driver"]]) {
  Deno.test(`examples/${manifest}.yaml: once "${victim}" is given up, who waited for it gets EIO`, () =>
    withFolder(async (folder) => {
      const plan = await planOf(`examples/${manifest}.yaml`, folder, (plan) => {
        plan.programs = plan.programs.filter((program) => program.name === "writer");
        plan.programs[0].args[1] = String(RECORDS);
        plan.domains.find((domain) => domain.name === victim)!.recovery.maxRestarts = 1;
      });
      let running = false;
      const { report, output, events } = await runMachine(plan, (event, machine) => {
        if (event.kind === "program-started") running = true;
        const due = event.kind === "program-started" ||
          event.kind === "domain-ready" && event.domain === victim;
        if (due && running) setTimeout(() => machine().kill(victim), 20);
      });
      assertEquals(report.programs.map((program) => program.status), [1]);
      assertStringIncludes(output.get("writer")!, "EIO");
      const gone = events.filter((event) => event.kind === "domain-gone");
      assertEquals(gone.map((event) => [event.domain, event.reason]), [
        [victim, "restarted 1 times, which is its limit"],
      ]);
      assertEquals(checkImage(`${folder}/disk0.img`), "");
    }));
}

Deno.test("a disk fills up while storage is killed: no write is lost, and none fails later", () =>
  withFolder(async (folder) => {
    const plan = await planOf("examples/quickstart.yaml", folder, (plan) => {
      const module = new URL("./disk_filler.ts", import.meta.url).pathname;
      plan.programs = [{ ...plan.programs[0], module, args: ["/a", "/b", "/c"], console: 0 }];
    });
    let kills = 0;
    const { report, output } = await runMachine(plan, (event, machine) => {
      const due = event.kind === "program-started" || event.kind === "domain-ready" && kills > 0;
      if (!due || kills === 4) return;
      kills++;
      setTimeout(() => machine().kill("storage"), 40 * kills);
    });
    const story = JSON.stringify([report.programs, [...output]]);
    assertEquals(report.programs.map((program) => program.status), [0], story);
    assert(parseInt([...output.values()].join("")) > 30, story);
    assertEquals(checkImage(`${folder}/disk0.img`), "");
  }));

Deno.test("what programs did not sync is on the image once the machine has stopped, wherever the disk is", () =>
  withFolder(async (folder) => {
    for (
      const manifest of ["quickstart", "quickstart_monolithic", "driver_domain", "multiserver"]
    ) {
      const plan = await planOf(`examples/${manifest}.yaml`, folder, (plan) => {
        const module = new URL("./unsynced_writer.ts", import.meta.url).pathname;
        plan.programs = [{ ...plan.programs[0], module, args: ["/left"], console: 0 }];
      });
      const { report } = await runMachine(plan);
      assertEquals(report.programs.map((program) => program.status), [0]);
      const image = `${folder}/disk0.img`;
      assertEquals(checkImage(image), "");
      assertEquals(debugfs("cat /left", image), UNSYNCED, manifest);
      assertFalse(debugfs("stats", image).includes("needs_recovery"), `${manifest}: not unmounted`);
      await Deno.remove(image);
    }
  }));

function debugfs(request: string, image: string): string {
  const { stdout } = new Deno.Command("debugfs", {
    args: ["-R", request, image],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  }).outputSync();
  return new TextDecoder().decode(stdout);
}
