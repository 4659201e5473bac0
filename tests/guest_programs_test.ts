// Programs in C, run on a machine and by QEMU's user mode on the host: output, errors and status are the
// same. What QEMU does not do as Linux does, a program checks by itself, after the man pages.
import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "./boot_harness.ts";
import { compilePrograms, lacksTools, QEMU } from "./guest/cross_compiler.ts";
import { guestPlan, runGuest } from "./guest/guest_machine.ts";

const guest = new URL("guest/", import.meta.url);
const sources = new URL("programs/", guest);

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
  "vdso",
];

/** No program takes longer, on the slowest of machines. */
const LONGEST_MS = 60_000;

interface Ended {
  status: number;
  out: string;
  err: string;
}

/** What `run_each` printed, by program. */
function framed(output: string): Map<string, Ended> {
  const ended = new Map<string, Ended>();
  for (let at = 0; at < output.length;) {
    const end = output.indexOf("\n", at);
    const [name, ...numbers] = output.slice(at, end).split(" ");
    const [status, outBytes, errBytes] = numbers.map(Number);
    const out = output.slice(end + 1, end + 1 + outBytes);
    at = end + 1 + outBytes + errBytes;
    ended.set(name, { status, out, err: output.slice(at - errBytes, at) });
  }
  return ended;
}

/** QEMU's own user mode dies now and then where the first of several threads ends: then it is asked again. */
const QEMU_TRIES = 5;
const SEGMENTATION_FAULT = 128 + 11;

async function underQemu(program: string, folder: string, tries = QEMU_TRIES): Promise<Ended> {
  await Deno.mkdir(folder, { recursive: true });
  const { code, stdout, stderr } = await new Deno.Command(QEMU, {
    args: [program],
    cwd: folder,
    // What it executes, it cannot by itself on a host of another architecture.
    env: { EXECUTE_BY: QEMU },
    clearEnv: true,
    stdin: "null",
    signal: AbortSignal.timeout(LONGEST_MS),
  }).output();
  if (code === SEGMENTATION_FAULT && tries > 1) {
    await Deno.remove(folder, { recursive: true });
    return underQemu(program, folder, tries - 1);
  }
  const decoder = new TextDecoder();
  return { status: code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test({
  name: "programs in C do on the machine what they do under QEMU",
  ignore: lacksTools("Programs in C"),
  fn: (test) =>
    withFolder(async (folder) => {
      const programs = [...COMPARED, ...ALONE];
      await compilePrograms(sources, programs, `${folder}/root/bin`);
      await compilePrograms(guest, ["run_each"], `${folder}/root/bin`);
      for (const name of ["dev", "proc", "tmp"]) await Deno.mkdir(`${folder}/root/${name}`);
      const plan = await guestPlan(folder, "rootfs: { folder: root, size: 256MiB }", {
        words: ["/bin/run_each", ...programs.map((name) => `/bin/${name}`)],
      });
      const run = await runGuest(plan);
      assertEquals([run.status, run.err, run.restarts], [0, "", 0]);
      const ended = framed(run.out);
      for (const name of COMPARED) {
        await test.step(`${name}, as under QEMU`, async () => {
          const expected = await underQemu(`${folder}/root/bin/${name}`, `${folder}/qemu/${name}`);
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
