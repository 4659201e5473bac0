// Runs programs in C on a machine, several after one another, and the same by QEMU's user mode on the host.
import { compilePrograms, QEMU } from "./cross_compiler.ts";
import { guestPlan, runGuest } from "./guest_machine.ts";
import { assertEquals } from "@std/assert";

const guest = new URL("./", import.meta.url);
/** No program takes longer, on the slowest of machines. */
const LONGEST_MS = 60_000;

/** How a program ended, and what it wrote. */
export interface Ended {
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

/**
 * Compiles programs and runs them on one machine.
 * @param sources folder of `<name>.c` @param folder scratch; the programs are in its `root/bin`
 */
export async function runOnMachine(
  sources: URL,
  programs: string[],
  folder: string,
): Promise<Map<string, Ended>> {
  await compilePrograms(sources, programs, `${folder}/root/bin`);
  await compilePrograms(guest, ["run_each"], `${folder}/root/bin`);
  for (const name of ["dev", "proc", "tmp"]) await Deno.mkdir(`${folder}/root/${name}`);
  const plan = await guestPlan(folder, "rootfs: { folder: root, size: 256MiB }", {
    words: ["/bin/run_each", ...programs.map((name) => `/bin/${name}`)],
  });
  const run = await runGuest(plan);
  assertEquals([run.status, run.err, run.restarts], [0, "", 0]);
  return framed(run.out);
}

/** QEMU's own user mode dies now and then where the first of several threads ends: then it is asked again. */
const QEMU_TRIES = 5;
const SEGMENTATION_FAULT = 128 + 11;

/** Runs a program that `runOnMachine` has compiled under QEMU, in a directory of its own. */
export async function runUnderQemu(
  name: string,
  folder: string,
  tries = QEMU_TRIES,
): Promise<Ended> {
  const cwd = `${folder}/qemu/${name}`;
  await Deno.mkdir(cwd, { recursive: true });
  const { code, stdout, stderr } = await new Deno.Command(QEMU, {
    args: [`${folder}/root/bin/${name}`],
    cwd,
    // What it executes, it cannot by itself on a host of another architecture.
    env: { EXECUTE_BY: QEMU },
    clearEnv: true,
    stdin: "null",
    signal: AbortSignal.timeout(LONGEST_MS),
  }).output();
  if (code === SEGMENTATION_FAULT && tries > 1) {
    await Deno.remove(cwd, { recursive: true });
    return runUnderQemu(name, folder, tries - 1);
  }
  const decoder = new TextDecoder();
  return { status: code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}
