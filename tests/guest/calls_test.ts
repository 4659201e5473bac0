// System calls by programs in C, run on a machine and by QEMU's user mode on the host: both must find that all
// checks hold. What QEMU does not do as Linux does is checked on the machine alone, after the man pages.
import { assert, assertEquals } from "@std/assert";
import { withFolder } from "../fixtures/boot_harness.ts";
import { testPrograms } from "./compared_programs.ts";
import { compilePrograms, lacksTools } from "./cross_compiler.ts";
import { guestPlan, runGuest } from "./guest_machine.ts";

const sources = new URL("calls/", import.meta.url);

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

testPrograms(
  "programs in C find system calls as Linux has them",
  sources,
  COMPARED,
  ALONE,
);

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
