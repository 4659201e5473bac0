// A service domain dies under its programs: by command, by a loop, by a full heap. With the contract
// `retry` programs see a pause and lose nothing; with `error` they see EIO; the machine goes on.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkImage, planOf, runMachine, withFolder } from "./boot_harness.ts";

const KILLS = 20;
const RECORDS = 2000;

for (const manifest of ["examples/quickstart.yaml", "examples/quickstart_worker.yaml"]) {
  Deno.test(`${manifest}: storage is killed ${KILLS} times under a writer, and nothing acknowledged is lost`, () =>
    withFolder(async (folder) => {
      const plan = await planOf(manifest, folder, (plan) => {
        plan.programs = plan.programs.filter((program) => program.name !== "hasher");
        plan.programs.forEach((program, index) => {
          program.args[1] = String(RECORDS);
          program.console = index;
        });
        plan.programs.find((program) => program.name === "writer")!.args[2] = "100";
        const storage = plan.domains.find((domain) => domain.name === "storage")!;
        storage.recovery.backoffMs = 1;
        storage.recovery.maxRestarts = KILLS + 1;
      });
      let kills = 0, running = 0;
      const { report, output } = await runMachine(plan, (event, machine) => {
        if (event.kind === "program-started") running++;
        const due = event.kind === "domain-ready" || event.kind === "program-started";
        if (!due || running < plan.programs.length || kills === KILLS) return;
        kills++;
        setTimeout(() => machine().kill("storage"), 15 + kills);
      });
      assertEquals(
        report.programs.map((program) => program.status),
        [0, 0],
        [...output].join("\n"),
      );
      assertStringIncludes(output.get("reader")!, `all ${RECORDS} records are right`);
      const storage = report.domains.find((domain) => domain.name === "storage")!;
      assert(storage.restarts >= KILLS / 2, `${storage.restarts} restarts`);
      assertEquals(checkImage(`${folder}/disk0.img`), "");
    }));
}
