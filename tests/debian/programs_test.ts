// Debian's own programs on the machine: what they print is what they print under QEMU, which runs the same
// files in a namespace of the host; and databases survive what kills those who write them.
import { assert, assertEquals } from "@std/assert";
import { boot } from "../../mod.ts";
import { withFolder } from "../fixtures/boot_harness.ts";
import { debianPlan, lacksNamespaces, onMachine, underQemu, unpack } from "./machine.ts";

/** An archive of Debian packages that tests may reach. */
const mirror = Deno.env.get("VIRTUOS_TEST_MIRROR");
if (mirror === undefined) {
  console.warn("Debian's programs do not run: VIRTUOS_TEST_MIRROR is not set");
}
const lacksQemu = mirror === undefined || await lacksNamespaces();
if (mirror !== undefined && lacksQemu) {
  console.warn("Debian's programs are not compared: QEMU, debugfs or namespaces are missing");
}

const WORK = "/var/tmp/work";
/** Makes the folder to work in, on the storage domain's disk, and goes there. */
const inFolder = (command: string): string[] => [
  "/bin/sh",
  "-c",
  `mkdir -p ${WORK} && cd ${WORK} && exec ${command}`,
];

const compared: Record<string, string[]> = {
  "a shell script for busybox": inFolder(`busybox sh /test/shell.sh ${WORK} 2>&1`),
  "bash, coreutils, grep, find, tar, xz, diff": inFolder(`bash /test/coreutils.sh ${WORK} 2>&1`),
  perl: inFolder(`perl /test/library.pl ${WORK} 2>&1`),
  lua: inFolder(`lua5.4 /test/library.lua ${WORK} 2>&1`),
  sqlite3: inFolder("sqlite3 :memory: '.read /test/sqlite.sql' 2>&1"),
  python: inFolder(`python3 /test/library.py ${WORK} 2>&1`),
};

Deno.test({
  name: "Debian's programs print on the machine what they print under QEMU",
  ignore: lacksQemu,
  fn: (test) =>
    withFolder(async (folder) => {
      const plan = await debianPlan(folder);
      const root = `${folder}/root`;
      await unpack(plan, root);
      for (const [name, words] of Object.entries(compared)) {
        await test.step(name, async () => {
          const theirs = await underQemu(root, words);
          await Deno.remove(`${root}${WORK}`, { recursive: true });
          const { status, output } = await onMachine(plan, words);
          assertEquals(output, theirs.output);
          assertEquals(status, theirs.status);
        });
      }
    }),
});

Deno.test({
  // Where programs start others without a copy of themselves, QEMU's user mode differs from Linux.
  name: "lua starts programs, and is told how they ended",
  ignore: mirror === undefined,
  fn: () =>
    withFolder(async (folder) => {
      const script =
        'print(os.execute("exit 3")) print(os.execute("kill -9 $$")) print(os.execute())';
      const { output } = await onMachine(
        await debianPlan(folder),
        ["/usr/bin/lua5.4", "-e", script],
      );
      assertEquals(output, "nil\texit\t3\nnil\tsignal\t9\ntrue\n");
    }),
});

Deno.test({
  name: "a program without a terminal has pipes, which it can open by their names",
  ignore: mirror === undefined,
  fn: () =>
    withFolder(async (folder) => {
      const plan = await debianPlan(folder);
      const booted = Promise.withResolvers<void>();
      const machine = await boot({ ...plan, programs: [] }, {
        stays: true,
        onEvent: ({ kind }) => kind === "booted" && booted.resolve(),
      });
      try {
        await booted.promise;
        const decoder = new TextDecoder();
        const text = { stdout: "", stderr: "" };
        const script =
          "cat /dev/stdin | tee /dev/stderr; stat -L -c %F /dev/fd/0 /dev/fd/1 /dev/fd/2";
        const program = machine.execute(
          { words: ["sh", "-c", script], env: {}, cwd: "/", uid: 0, gid: 0 },
          (bytes, stream) => void (text[stream] += decoder.decode(bytes)),
        );
        await program.input(new TextEncoder().encode("given\n"));
        program.endInput();
        assertEquals((await program.ended).status, 0);
        assertEquals(text, { stdout: "given\nfifo\nfifo\nfifo\n", stderr: "given\n" });
      } finally {
        await machine.stop();
      }
    }),
});

/** Seconds after which sqlite3 is killed: in the first transactions, and later ones. */
const KILLED_AFTER = ["0.13", "0.37", "0.71", "0.97", "1.21"];

for (const mode of ["delete", "wal"]) {
  Deno.test({
    name: `sqlite3 is killed in mid-transaction: journal_mode=${mode}`,
    ignore: mirror === undefined,
    fn: () =>
      withFolder(async (folder) => {
        const { status, output } = await onMachine(
          await debianPlan(folder),
          ["/bin/sh", "/test/sqlite_kill.sh", "/var/tmp", mode, ...KILLED_AFTER],
        );
        const rounds = KILLED_AFTER.map((_, round) =>
          `${mode} round ${round + 1}: sound, 0 torn, kept`
        );
        assertEquals(output.trim().split("\n"), [mode, ...rounds]);
        assertEquals(status, 0);
      }),
  });

  Deno.test({
    name: `the storage domain is killed under sqlite3: journal_mode=${mode}`,
    ignore: mirror === undefined,
    fn: () =>
      withFolder(async (folder) => {
        const KILLS = 5;
        const timers: ReturnType<typeof setTimeout>[] = [];
        let text = "", began = false;
        const { status, output, report } = await onMachine(
          await debianPlan(folder),
          ["/bin/sh", "/test/sqlite_restart.sh", "/var/tmp", mode],
          (event, machine) => {
            if (typeof event !== "string") return;
            text += event;
            if (began || !text.includes("begun")) return;
            began = true;
            for (let kill = 1; kill <= KILLS; kill++) {
              timers.push(
                setTimeout(() => machine().kill("storage"), kill * 170 + kill * kill * 13),
              );
            }
          },
        );
        for (const timer of timers) clearTimeout(timer);
        assertEquals(output, `${mode}\nbegun\nok\n3000|150|900000\n0\n`);
        assertEquals(status, 0);
        const { restarts } = report.domains.find(({ name }) => name === "storage")!;
        assert(restarts > 0, "it was killed when sqlite3 had ended");
      }),
  });
}
