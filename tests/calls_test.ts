// System calls by programs in C, run on a machine and by QEMU's user mode on the host: both must find that all
// checks hold. What QEMU does not do as Linux does is checked on the machine alone, after the man pages.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "./boot_harness.ts";
import { compilePrograms, lacksTools } from "./guest/cross_compiler.ts";
import { guestPlan, runGuest } from "./guest/guest_machine.ts";
import { runOnMachine, runUnderQemu } from "./guest/program_runs.ts";

const sources = new URL("guest/calls/", import.meta.url);

/** Programs that run under QEMU as they do on Linux. */
const COMPARED = [
  "timers",
  "fifos",
  "memfd",
  "names",
  "inotify",
  "system_v",
  "devices",
  "epoll",
  "file_sizes",
];
/** Programs that QEMU's user mode, or who runs it, would answer otherwise. */
const ALONE = [
  ...["roots", "pieces", "attributes", "flags", "queues", "terminals", "aio", "access_lists"],
  ...["handles", "disks", "cores"],
];

Deno.test({
  name: "programs in C find system calls as Linux has them",
  ignore: lacksTools("Programs in C"),
  fn: (test) =>
    withFolder(async (folder) => {
      const ended = await runOnMachine(sources, [...COMPARED, ...ALONE], folder);
      for (const name of COMPARED) {
        await test.step(`${name}, as under QEMU`, async () => {
          const expected = await runUnderQemu(name, folder);
          assertEquals(expected.status, 0, `the oracle itself fails: ${expected.out}`);
          assertEquals(ended.get(name), expected);
        });
      }
      for (const name of ALONE) {
        await test.step(`${name}, as the man pages say`, () => {
          const { status, out, err } = ended.get(name)!;
          assertEquals({ status, err }, { status: 0, err: "" }, out);
          assertMatch(out, /^\d+ checks, 0 failed\n$/);
        });
      }
    }),
});

Deno.test({
  name:
    "files without names, attributes and transfers survive a storage domain that is killed again and again",
  ignore: lacksTools("Programs in C"),
  fn: () =>
    withFolder(async (folder) => {
      const KILLS = 8;
      await compilePrograms(sources, ["survive"], `${folder}/root/bin`);
      for (const name of ["dev", "proc", "tmp"]) await Deno.mkdir(`${folder}/root/${name}`);
      const plan = await guestPlan(folder, "rootfs: { folder: root, size: 64MiB }", {
        words: ["/bin/survive"],
      });
      let kills = 0;
      const { restarts, ...ended } = await runGuest(plan, (event, machine) => {
        const due = event.kind === "program-started" || event.kind === "domain-ready" && kills > 0;
        if (due && kills++ < KILLS) setTimeout(() => machine().kill("storage"), 40);
      });
      assertEquals(ended, { status: 0, out: "3103 checks, 0 failed\n", err: "" });
      assert(restarts > 0, "it was not killed while the program ran");
    }),
});
