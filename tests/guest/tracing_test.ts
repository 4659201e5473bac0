// One process traces another: a program in C is told on the machine what Linux tells it on the host, and Debian's
// strace and gdb work inside the machine.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../fixtures/boot_harness.ts";
import { debianPlan, onMachine } from "../debian/machine.ts";
import { compilePrograms, lacksTools } from "./cross_compiler.ts";
import { runOnMachine } from "./program_runs.ts";

const folderOf = new URL("tracing/", import.meta.url);
const mirror = Deno.env.get("VIRTUOS_TEST_MIRROR");
const LONGEST_MS = 60_000;

/** What the program tells, without how many checks it made, none of which may have failed. */
function told(output: string): string {
  const lines = output.trimEnd().split("\n");
  assertMatch(lines.at(-1)!, /^\d+ checks, 0 failed$/, output);
  return `${lines.slice(0, -1).join("\n")}\n`;
}

Deno.test({
  name: "a tracer is told what Linux tells it",
  ignore: lacksTools("Tracers"),
  fn: () =>
    withFolder(async (folder) => {
      const ended = (await runOnMachine(folderOf, ["tracing"], folder)).get("tracing")!;
      assertEquals(ended.err, "");
      assertEquals(told(ended.out), await Deno.readTextFile(new URL("told.txt", folderOf)));
    }),
});

/** The compiler of a host whose registers the program knows, where processes may trace each other. */
async function lacksOracle(): Promise<boolean> {
  if (Deno.build.arch !== "x86_64" || Deno.build.os !== "linux") return true;
  try {
    const args = ["-c", "command -v gcc && grep -qE '^Seccomp:\\s*0' /proc/self/status"];
    return !(await new Deno.Command("/bin/sh", { args, stdout: "null" }).output()).success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return true;
    throw failure;
  }
}

Deno.test({
  name: "what the program expects is what the host's Linux tells",
  ignore: await lacksOracle(),
  fn: () =>
    withFolder(async (folder) => {
      const program = `${folder}/tracing`;
      const source = new URL("tracing.c", folderOf).pathname;
      const args = ["-static", "-O1", "-pthread", "-o", program, source];
      const { success, stderr } = await new Deno.Command("gcc", { args }).output();
      assert(success, new TextDecoder().decode(stderr));
      const { stdout } = await new Deno.Command(program, {
        signal: AbortSignal.timeout(LONGEST_MS),
      }).output();
      assertEquals(
        told(new TextDecoder().decode(stdout)),
        await Deno.readTextFile(new URL("told.txt", folderOf)),
      );
    }),
});

Deno.test({
  name: "strace and gdb work inside the machine",
  ignore: mirror === undefined || lacksTools("Debuggers"),
  fn: (test) =>
    withFolder(async (folder) => {
      await compilePrograms(folderOf, ["sample", "crash"], folder, ["-g", "-O0"], false);
      const scripts = ["strace.sh", "gdb.sh", "session.gdb", "core.sh"];
      const plan = await debianPlan(
        folder,
        ["busybox-static", "dash", "coreutils", "grep", "sed", "strace", "gdb-minimal"],
        [
          ...scripts.map((name) => new URL(name, folderOf).pathname),
          `${folder}/sample`,
          `${folder}/crash`,
        ],
      );
      for (const name of ["strace", "gdb", "core"]) {
        await test.step(name, async () => {
          const { output } = await onMachine(plan, ["/bin/sh", `/test/${name}.sh`]);
          assertEquals(output, await Deno.readTextFile(new URL(`${name}.txt`, folderOf)));
        });
      }
    }),
});
