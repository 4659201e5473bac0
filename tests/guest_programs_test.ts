// Programs in C, run on a machine and by QEMU's user mode on the host: output, errors and status are the
// same. What QEMU does not do as Linux does, a program checks by itself, after the man pages.
import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "./boot_harness.ts";
import { lacksTools } from "./guest/cross_compiler.ts";
import { runOnMachine, runUnderQemu } from "./guest/program_runs.ts";

const sources = new URL("guest/programs/", import.meta.url);

/** Programs that run under QEMU as they do on Linux. */
const COMPARED = [
  "processes",
  "execute",
  "signals",
  "faults",
  "threads",
  "shared_memory",
  "file_mapping",
  "memory",
  "pipes",
  "files",
  "locks",
  "sessions",
  "floating",
];
/** Programs that QEMU's user mode, or the host it runs on, would answer otherwise. */
const ALONE = [
  ...["robust", "pointers", "identity", "limits", "proc_self", "exhaustion", "pidfd"],
  ...["mounts", "vdso"],
];

Deno.test({
  name: "programs in C do on the machine what they do under QEMU",
  ignore: lacksTools("Programs in C"),
  fn: (test) =>
    withFolder(async (folder) => {
      const ended = await runOnMachine(sources, [...COMPARED, ...ALONE], folder);
      for (const name of COMPARED) {
        await test.step(`${name}, as under QEMU`, async () => {
          const expected = await runUnderQemu(name, folder);
          assertEquals(ended.get(name), expected);
          assertEquals(expected.status, 0, "the oracle itself fails");
        });
      }
      for (const name of ALONE) {
        await test.step(`${name}, as the man pages say`, () => {
          assertEquals(
            { ...ended.get(name)!, out: "" },
            { status: 0, out: "", err: "" },
            ended.get(name)!.out,
          );
          assertMatch(ended.get(name)!.out, /^\d+ checks, 0 failed\n$/m);
        });
      }
    }),
});
