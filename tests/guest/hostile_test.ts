// Bad input from programs: files that are no programs but nearly, and calls with wild arguments. Each is an errno
// or a signal for the child that does it; the machine, and the parent, go on. A failure is replayed by its seed.
import { assertEquals, assertMatch } from "@std/assert";
import { systemCalls } from "../../schemas/syscalls.ts";
import { withFolder } from "../fixtures/boot_harness.ts";
import { compilePrograms, lacksTools } from "./cross_compiler.ts";
import { guestPlan, runGuest } from "./guest_machine.ts";

const SEEDS = [1, 2026];
const PROGRAMS = 400;
const CHILDREN = 1500;
/** They end who makes them. */
const LAST_CALLS = ["exit", "exit_group"];

const sources = new URL("hostile/", import.meta.url);
const ignore = lacksTools("Hostile programs");

/** Runs one of the programs to its end. @returns what it printed */
async function survive(folder: string, words: string[]): Promise<string> {
  const plan = await guestPlan(folder, "rootfs: { folder: root }", { words });
  const run = await runGuest(plan);
  const story = `${words.slice(0, 3).join(" ")}\n${run.out}${run.err}`;
  assertEquals([run.status, run.restarts], [0, 0], story);
  assertMatch(run.out, /^\d+ checks, 0 failed\n$/m, story);
  return run.out;
}

async function makeRoot(folder: string, programs: string[], options: string[] = []): Promise<void> {
  await compilePrograms(sources, programs, `${folder}/root/bin`, options);
  for (const name of ["dev", "proc", "tmp"]) await Deno.mkdir(`${folder}/root/${name}`);
}

for (const seed of SEEDS) {
  Deno.test({
    name: `${PROGRAMS} broken programs of seed ${seed} are executed`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        await makeRoot(folder, ["programs"]);
        await compilePrograms(sources, ["small"], `${folder}/root/bin`, ["-nostdlib"]);
        const words = ["/bin/programs", String(PROGRAMS), String(seed), "/bin/small"];
        const out = await survive(folder, words);
        // Some are refused, some fault, and some are whole enough: the harm was done in all of the ways.
        for (const end of ["errno 8", "signal 11", "status 7"]) {
          assertMatch(out, new RegExp(`^${end}: \\d\\d+$`, "m"), out);
        }
      }),
  });

  Deno.test({
    name: `${CHILDREN} children of seed ${seed} make wild calls`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        await makeRoot(folder, ["calls"]);
        const numbers = systemCalls.filter(({ status, name }) =>
          status !== "missing" && !LAST_CALLS.includes(name)
        ).map(({ number }) => String(number));
        await survive(folder, ["/bin/calls", String(CHILDREN), String(seed), ...numbers]);
      }),
  });
}
